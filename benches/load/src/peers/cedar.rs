//! The policies for Cedar: entities, policies and requests in Cedar's own types, built once.
//!
//! A pair of tenants is one entity with both settings and the trust. Applications and home tenants are members of a
//! list for each Conditional Access policy that names them, so that `in` is one look-up in the ancestors. A request
//! is evaluated with the policies that can apply to its application, which are selected before the measurement: Cedar
//! evaluates every given policy.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use anyhow::Result;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression as Expression,
};
use crosstrust::time::Timestamp;

use super::facts::{Control, Crossing, Facts, Policy, Setting};

const CROSSING: &str = include_str!("policies/crosstenant.cedar");

pub struct Cedar {
    authorizer: Authorizer,
    entities: Entities,
    questions: Vec<Question>,
}

struct Question {
    request: Request,
    policies: Rc<PolicySet>,
}

impl Cedar {
    pub fn of(
        facts: &Facts,
        requests: &[crosstrust::request::Request],
        now: Timestamp,
    ) -> Result<Self> {
        let mut slices = Slices::of(facts);
        let questions = requests.iter().map(|request| {
            Ok(Question {
                request: question(request, now)?,
                policies: slices.policies(&request.app.to_string())?,
            })
        });
        Ok(Cedar {
            authorizer: Authorizer::new(),
            entities: entities(facts)?,
            questions: questions.collect::<Result<_>>()?,
        })
    }

    pub fn allows(&self, question: usize) -> bool {
        let Question { request, policies } = &self.questions[question];
        let answer = self
            .authorizer
            .is_authorized(request, policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

/// The policies that can apply to each application.
struct Slices<'f> {
    facts: &'f Facts,
    of_app: HashMap<String, Rc<PolicySet>>,
}

impl<'f> Slices<'f> {
    fn of(facts: &'f Facts) -> Self {
        Slices {
            facts,
            of_app: HashMap::new(),
        }
    }

    fn policies(&mut self, app: &str) -> Result<Rc<PolicySet>> {
        if let Some(policies) = self.of_app.get(app) {
            return Ok(Rc::clone(policies));
        }
        let all = self.facts.policies.iter();
        let slice = all.filter(|policy| policy.applies_to_application(app));
        let policies = Rc::new(text(slice).parse::<PolicySet>()?);
        self.of_app.insert(app.to_owned(), Rc::clone(&policies));
        Ok(policies)
    }
}

/// The text of all policies.
pub fn policies(facts: &Facts) -> String {
    text(facts.policies.iter())
}

fn text<'f>(policies: impl Iterator<Item = &'f Policy>) -> String {
    let forbids: Vec<String> = policies.map(forbid).collect();
    format!("{CROSSING}{}", forbids.concat())
}

fn forbid(policy: &Policy) -> String {
    let id = &policy.id;
    let resource = match policy.include_applications {
        Some(_) => format!("resource in Applications::\"{id}\""),
        None => "resource".to_owned(),
    };
    let mut conditions = Vec::new();
    if policy.include_applications.is_none() && !policy.exclude_applications.is_empty() {
        conditions.push(format!("!(resource in Applications::\"{id}/excluded\")"));
    }
    match policy.include_homes {
        Some(_) => conditions.push(format!("context.home in Tenants::\"{id}\"")),
        None if policy.exclude_homes.is_empty() => {}
        None => conditions.push(format!("!(context.home in Tenants::\"{id}/excluded\")")),
    }
    if policy.controls != [Control::Block] {
        let between = if policy.every { " && " } else { " || " };
        let controls: Vec<&str> = policy
            .controls
            .iter()
            .map(|control| met(*control))
            .collect();
        conditions.push(format!("!({})", controls.join(between)));
    }
    if conditions.is_empty() {
        conditions.push("true".to_owned());
    }
    let conditions = conditions.join(" && ");
    format!(
        "forbid (principal, action == Action::\"reach\", {resource}) when {{ {conditions} }};\n"
    )
}

fn met(control: Control) -> &'static str {
    match control {
        Control::Block => "false",
        Control::Mfa => "(context.mfa && context.crossing.trust.mfa)",
        Control::CompliantDevice => "(context.compliant && context.crossing.trust.compliant)",
        Control::HybridJoinedDevice => "(context.hybrid && context.crossing.trust.hybrid)",
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    let kind: EntityTypeName = kind.parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn crossing_id(home: &str, resource: &str) -> String {
    format!("{home} {resource}")
}

fn entities(facts: &Facts) -> Result<Entities> {
    let mut entities = Vec::new();
    let mut apps: BTreeSet<&String> = BTreeSet::new();
    for policy in &facts.policies {
        apps.extend(policy.include_applications.iter().flatten());
        apps.extend(&policy.exclude_applications);
    }
    for app in apps {
        let lists = lists(facts, "Applications", |policy| {
            let included = policy.include_applications.is_some();
            let is_member = included && policy.applies_to_application(app);
            (is_member, policy.exclude_applications.contains(app))
        })?;
        entities.push(Entity::new_no_attrs(uid("Application", app)?, lists));
    }
    for (home, crossing) in &facts.crossings {
        let lists = lists(facts, "Tenants", |policy| {
            let included = policy.include_homes.is_some();
            let is_member = included && policy.applies_to_home(home);
            (is_member, policy.exclude_homes.contains(home))
        })?;
        entities.push(Entity::new_no_attrs(uid("Tenant", home)?, lists));
        let id = uid("Crossing", &crossing_id(home, &facts.resource))?;
        entities.push(Entity::new(id, attributes(crossing)?, HashSet::new())?);
    }
    Ok(Entities::from_entities(entities, None)?)
}

/// The lists that contain an entity: for each policy the included and the excluded ones.
fn lists(
    facts: &Facts,
    kind: &str,
    on: impl Fn(&Policy) -> (bool, bool),
) -> Result<HashSet<EntityUid>> {
    let mut lists = HashSet::new();
    for policy in &facts.policies {
        let (included, excluded) = on(policy);
        if included {
            lists.insert(uid(kind, &policy.id)?);
        }
        if excluded {
            lists.insert(uid(kind, &format!("{}/excluded", policy.id))?);
        }
    }
    Ok(lists)
}

fn attributes(crossing: &Crossing) -> Result<HashMap<String, Expression>> {
    let trust = [
        ("mfa", crossing.trust.mfa),
        ("compliant", crossing.trust.compliant_device),
        ("hybrid", crossing.trust.hybrid_joined_device),
    ];
    let trust = trust.map(|(name, is_trusted)| (name.to_owned(), Expression::new_bool(is_trusted)));
    Ok(HashMap::from([
        ("outbound".to_owned(), setting(&crossing.outbound)?),
        ("inbound".to_owned(), setting(&crossing.inbound)?),
        ("trust".to_owned(), Expression::new_record(trust)?),
    ]))
}

fn setting(setting: &Setting) -> Result<Expression> {
    let (users, apps) = (&setting.users, &setting.applications);
    let fields = [
        ("users_allowed", Expression::new_bool(users.allowed)),
        ("all_users", Expression::new_bool(users.all)),
        ("users", references("User", &users.ids)?),
        ("groups", strings(&users.groups)),
        ("apps_allowed", Expression::new_bool(apps.allowed)),
        ("all_apps", Expression::new_bool(apps.all)),
        ("apps", references("Application", &apps.ids)?),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Ok(Expression::new_record(fields)?)
}

fn references(kind: &str, ids: &BTreeSet<String>) -> Result<Expression> {
    let ids = ids
        .iter()
        .map(|id| uid(kind, id).map(Expression::new_entity_uid));
    Ok(Expression::new_set(ids.collect::<Result<Vec<_>>>()?))
}

fn strings<'a>(ids: impl IntoIterator<Item = &'a String>) -> Expression {
    Expression::new_set(ids.into_iter().cloned().map(Expression::new_string))
}

fn question(request: &crosstrust::request::Request, now: Timestamp) -> Result<Request> {
    let (home, resource) = (request.home.to_string(), request.resource.to_string());
    let crossing = uid("Crossing", &crossing_id(&home, &resource))?;
    let groups: Vec<String> = request.groups.iter().map(ToString::to_string).collect();
    let claims = &request.claims;
    let fields = [
        ("crossing", Expression::new_entity_uid(crossing)),
        ("home", Expression::new_entity_uid(uid("Tenant", &home)?)),
        ("groups", strings(&groups)),
        ("mfa", Expression::new_bool(claims.mfa)),
        ("compliant", Expression::new_bool(claims.compliant_device)),
        ("hybrid", Expression::new_bool(claims.hybrid_joined_device)),
        (
            "expires_at",
            Expression::new_long(claims.expires_at.as_parts().0),
        ),
        ("now", Expression::new_long(now.as_parts().0)),
    ];
    let context = Context::from_pairs(fields.map(|(name, value)| (name.to_owned(), value)))?;
    let user = request
        .user
        .map(|user| user.to_string())
        .unwrap_or_default();
    let application = uid("Application", &request.app.to_string())?;
    let action = uid("Action", "reach")?;
    Ok(Request::new(
        uid("User", &user)?,
        action,
        application,
        context,
        None,
    )?)
}
