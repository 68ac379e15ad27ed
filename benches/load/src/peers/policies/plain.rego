# The request as the complete input.
package question

import rego.v1

home := input.home

resource := input.resource

user := input.user

groups := input.groups

app := input.app

claims := input.claims

expires_at := input.expires_at
