//! `[[application]]` → facts about applications that affect decisions.

use std::collections::BTreeMap;

use crate::config::{ApplicationConfig, ConfigError, ConfigValue};
use crate::id::AppId;
use crate::policy_settings::ApplicationFacts;
use crate::vocabulary::{Bundle, WordSet};

/// Reads the facts. An application that is listed twice is an error.
pub(super) fn facts(
    tables: &[ApplicationConfig],
) -> Result<BTreeMap<AppId, ApplicationFacts>, ConfigError> {
    let mut stated = BTreeMap::new();
    let mut places: BTreeMap<AppId, &ConfigValue<String>> = BTreeMap::new();
    for table in tables {
        if table.bundles.is_none() && table.agent.is_none() {
            continue;
        }
        let app: AppId = table.app.read()?;
        if let Some(first) = places.insert(app, &table.app) {
            return Err(ConfigError::Duplicate {
                key: table.app.key.clone(),
                found: table.app.value.clone(),
                origin: table.app.origin.clone(),
                first: first.origin.clone(),
            });
        }
        let bundles = table.bundles.as_deref().map(bundles).transpose()?;
        let agent = table.agent.as_ref().map(|agent| agent.value);
        stated.insert(app, ApplicationFacts { bundles, agent });
    }
    Ok(stated)
}

fn bundles(words: &[ConfigValue<String>]) -> Result<WordSet<Bundle>, ConfigError> {
    words.iter().map(ConfigValue::read::<Bundle>).collect()
}
