# The request as Envoy's Check: the claims are in the metadata of its jwt_authn filter, the route's tenant and application
# in the context extensions.
package question

import rego.v1

token := input.attributes.metadataContext.filterMetadata["envoy.filters.http.jwt_authn"].entra

home := token.tid

resource := input.attributes.contextExtensions.resource_tenant

user := token.oid

groups := token.groups

app := input.attributes.contextExtensions.app

claims := token

expires_at := token.exp
