# May a user of one organisation reach an application of another? (semantics.md §3 to §5)
#
# Everything that is looked up is an object keyed by id, referred to by its whole path, so that no look-up walks a
# list and no setting is copied. The question is data.question: plain.rego or envoy.rego says where its parts are.
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

# The two rules of a setting decide together.
passes(direction) if {
	access(direction) == "allowed/allowed"
	app_targeted(direction)
	user_targeted(direction)
}

passes(direction) if {
	access(direction) == "allowed/blocked"
	not app_targeted(direction)
	user_targeted(direction)
}

passes(direction) if {
	access(direction) == "blocked/allowed"
	app_targeted(direction)
	not user_targeted(direction)
}

passes(direction) if {
	access(direction) == "blocked/blocked"
	not both_targeted(direction)
}

access(direction) := data.crossings[question.resource][question.home][direction].access

both_targeted(direction) if {
	app_targeted(direction)
	user_targeted(direction)
}

app_targeted(direction) if data.crossings[question.resource][question.home][direction].all_apps

app_targeted(direction) if data.crossings[question.resource][question.home][direction].apps[question.app]

user_targeted(direction) if data.crossings[question.resource][question.home][direction].all_users

user_targeted(direction) if data.crossings[question.resource][question.home][direction].users[question.user]

user_targeted(direction) if {
	some group in question.groups
	data.crossings[question.resource][question.home][direction].groups[group]
}

# Some Conditional Access policy applies, and its grant is not satisfied.
hindered if {
	some id in data.policies_of_app[question.resource][question.app]
	data.policies[id].homes[question.home]
	not satisfied(id)
}

satisfied(id) if {
	data.policies[id].operator == "OR"
	some control in data.policies[id].controls
	met(control)
}

satisfied(id) if {
	data.policies[id].operator == "AND"
	every control in data.policies[id].controls {
		met(control)
	}
}

# A claim counts where it is trusted. Nothing meets "block".
met(control) if {
	question.claims[control]
	data.crossings[question.resource][question.home].trust[control]
}
