# May a user of one organisation reach an application of another? (semantics.md §3 to §5)
#
# All tables are objects keyed by id, so that no look-up scans a list. The request is data.question: plain.rego or
# envoy.rego defines its parts.
package crosstenant

import rego.v1

import data.question

default allow := false

allow if {
	not_expired
	passes("outbound")
	passes("inbound")
	not hindered
}

not_expired if time.now_ns() < question.expires_at * 1000000000

crossing := data.crossings[question.resource][question.home]

# The two rules of a setting decide together.
passes(direction) if {
	crossing[direction].access == "allowed/allowed"
	app_targeted(direction)
	user_targeted(direction)
}

passes(direction) if {
	crossing[direction].access == "allowed/blocked"
	not app_targeted(direction)
	user_targeted(direction)
}

passes(direction) if {
	crossing[direction].access == "blocked/allowed"
	app_targeted(direction)
	not user_targeted(direction)
}

passes(direction) if {
	crossing[direction].access == "blocked/blocked"
	not both_targeted(direction)
}

both_targeted(direction) if {
	app_targeted(direction)
	user_targeted(direction)
}

app_targeted(direction) if crossing[direction].all_apps

app_targeted(direction) if crossing[direction].apps[question.app]

user_targeted(direction) if crossing[direction].all_users

user_targeted(direction) if crossing[direction].users[question.user]

user_targeted(direction) if {
	targeted := crossing[direction].groups
	some group in question.groups
	targeted[group]
}

# A Conditional Access policy applies, and its grant is not satisfied.
hindered if {
	some id in data.policies_of_app[question.resource][question.app]
	policy := data.policies[id]
	policy.homes[question.home]
	not satisfied(policy)
}

satisfied(policy) if {
	policy.operator == "OR"
	some control in policy.controls
	met(control)
}

satisfied(policy) if {
	policy.operator == "AND"
	every control in policy.controls {
		met(control)
	}
}

# A claim counts if it is trusted. Nothing satisfies "block".
met(control) if {
	question.claims[control]
	crossing.trust[control]
}
