//! A stack as Terraform would deploy it, from the output of `terraform test -json -verbose`.

use std::collections::BTreeMap;

use serde_json::Value;

/// A resource that would be deployed.
#[derive(Clone, Debug)]
pub struct StackResource {
    /// Its address, such as `module.raw_bucket.aws_s3_bucket.this`.
    pub address: String,
    /// Its kind, such as `aws_s3_bucket`.
    pub kind: String,
    /// Its arguments and attributes.
    pub values: Value,
}

/// The resources of a stack.
#[derive(Clone, Debug, Default)]
pub struct StackState {
    /// All of them, those of modules too.
    pub resources: Vec<StackResource>,
    /// The outputs of the root module.
    pub outputs: BTreeMap<String, Value>,
}

impl StackState {
    /// The stacks of each run, by the run's name.
    #[must_use]
    pub fn of_each_run(output: &str) -> BTreeMap<String, Self> {
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let states = lines.filter(|line: &Value| line["type"] == "test_state");
        states
            .filter_map(|line| {
                let run = line["@testrun"].as_str()?.to_owned();
                Some((run, Self::from_values(&line["test_state"])))
            })
            .collect()
    }

    fn from_values(values: &Value) -> Self {
        let mut state = Self::default();
        state.add_module(&values["root_module"]);
        for (name, output) in values["outputs"].as_object().into_iter().flatten() {
            state.outputs.insert(name.clone(), output["value"].clone());
        }
        state
    }

    fn add_module(&mut self, module: &Value) {
        for resource in module["resources"].as_array().into_iter().flatten() {
            let text = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
            self.resources.push(StackResource {
                address: text("address"),
                kind: text("type"),
                values: resource["values"].clone(),
            });
        }
        for child in module["child_modules"].as_array().into_iter().flatten() {
            self.add_module(child);
        }
    }

    /// The resources of a kind.
    pub fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s StackResource> {
        self.resources
            .iter()
            .filter(move |resource| resource.kind == kind)
    }

    /// The resource of an address.
    #[must_use]
    pub fn find(&self, address: &str) -> Option<&StackResource> {
        self.resources
            .iter()
            .find(|resource| resource.address == address)
    }
}

impl StackResource {
    /// An argument's text; empty where it has none.
    #[must_use]
    pub fn text(&self, argument: &str) -> &str {
        self.values[argument].as_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_of_modules_are_found() {
        let queue = json!({
            "address": "module.a.module.b.aws_sqs_queue.this", "type": "aws_sqs_queue",
            "values": {"name": "q"},
        });
        let values = json!({
            "outputs": {"endpoint": {"value": "https://x"}},
            "root_module": {
                "child_modules": [{"child_modules": [{"resources": [queue]}]}],
            },
        });
        let line = json!({
            "type": "test_state", "@testrun": "all", "test_state": values,
        });
        let output = format!("no JSON\n{}\n{line}\n", json!({"type": "test_run"}));

        let stacks = StackState::of_each_run(&output);
        let stack = &stacks["all"];
        assert_eq!(stack.outputs["endpoint"], "https://x");
        assert_eq!(stack.of_kind("aws_sqs_queue").count(), 1);
        let queue = stack.find("module.a.module.b.aws_sqs_queue.this");
        assert_eq!(queue.map(|queue| queue.text("name")), Some("q"));
    }
}
