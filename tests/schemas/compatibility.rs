//! What breaks somebody who knows an older AsyncAPI document. Pure: two documents in, a list of changes out.
//!
//! One rule decides. Requests: the worker must go on reading whatever it used to read. Outcomes and dead letters: it
//! must write nothing that a reader of the older document could not have expected, and leave nothing out that was
//! there. Fields that are new in what is written break nobody, because consumers ignore fields that they do not know;
//! a new value in a list of values (a failure code) does, because it fails in a Java enum and in a `switch`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Which side of a topic the worker is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Others write, the worker reads.
    Read,
    /// The worker writes, others read.
    Written,
}

/// Every change from `old` to `new` that breaks a producer or a consumer, one line each.
pub fn breaking(old: &Value, new: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    for (id, before) in fields(&old["operations"]) {
        let side = if before["action"] == "receive" { Side::Read } else { Side::Written };
        match new["operations"].get(id) {
            None => changes.push(format!("{id} is gone")),
            Some(after) => Comparison { old, new, side, changes: &mut changes }.operation(id, before, after),
        }
    }
    for (id, after) in fields(&new["operations"]) {
        if after["action"] == "send" && old["operations"].get(id).is_none() {
            changes.push(format!("{id} is new: nobody reads what is sent there"));
        }
    }
    changes
}

/// As [`breaking`], for two schemas by themselves.
pub fn breaking_in_schema(side: Side, old: &Value, new: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    Comparison { old, new, side, changes: &mut changes }.schema("value", old, new);
    changes
}

/// What is wrong with the list of declared changes, which gives a reason for each.
pub fn undeclared(changes: &[String], declared: &BTreeMap<String, String>) -> Vec<String> {
    let surprises = changes.iter().filter(|change| !declared.contains_key(*change));
    let stale = declared.keys().filter(|change| !changes.contains(change));
    let unexplained = declared.iter().filter(|(_, reason)| reason.trim().is_empty());
    surprises
        .map(|change| format!("breaks others, and is not declared: {change}"))
        .chain(stale.map(|change| format!("declared, but not so: {change}")))
        .chain(unexplained.map(|(change, _)| format!("declared without a reason: {change}")))
        .collect()
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    side: Side,
    changes: &'a mut Vec<String>,
}

impl Comparison<'_> {
    fn operation(&mut self, id: &str, before: &Value, after: &Value) {
        self.same(id, "action", &before["action"], &after["action"]);
        let group = |operation: &Value| operation["bindings"]["kafka"]["groupId"]["const"].clone();
        self.same(id, "group", &group(before), &group(after));
        let (before, after) = (resolve(self.old, &before["channel"]), resolve(self.new, &after["channel"]));
        self.same(id, "address", &before["address"], &after["address"]);
        let (before, after) = (fields(&before["messages"]), fields(&after["messages"]));
        for (name, message) in &before {
            match after.get(name) {
                None => self.changes.push(format!("{id}: {name} is gone")),
                Some(now) => self.message(id, resolve(self.old, message), resolve(self.new, now)),
            }
        }
        if self.side == Side::Written {
            let new = after.keys().filter(|name| !before.contains_key(*name));
            self.changes.extend(new.map(|name| format!("{id}: {name} is new")));
        }
    }

    fn message(&mut self, id: &str, before: &Value, after: &Value) {
        self.same(id, "contentType", &before["contentType"], &after["contentType"]);
        let key = |message: &Value| message["bindings"]["kafka"]["key"].clone();
        self.schema(&format!("{id} key"), &key(before), &key(after));
        for part in ["headers", "payload"] {
            self.schema(&format!("{id} {part}"), &before[part], &after[part]);
        }
    }

    fn same(&mut self, path: &str, what: &str, before: &Value, after: &Value) {
        if before != after {
            self.changes.push(format!("{path}: {what} was {} and is {}", shown(before), shown(after)));
        }
    }

    /// Keywords of a JSON Schema only ever narrow it. So whatever is allowed by the `tight` one, which stands for what
    /// is sent, is allowed by the `wide` one, which stands for what is expected, if each keyword of `wide` is met.
    fn schema(&mut self, path: &str, before: &Value, after: &Value) {
        let (before, after) = (resolve(self.old, before), resolve(self.new, after));
        let (tight, wide) = match self.side {
            Side::Read => (before, after),
            Side::Written => (after, before),
        };
        self.widened(path, "type ", &types(tight), &types(wide));
        self.widened(path, "", &values(tight), &values(wide));
        let keywords: BTreeSet<&String> = fields(before).keys().chain(fields(after).keys()).copied().collect();
        for keyword in keywords {
            let (sent, expected) = (&tight[keyword], &wide[keyword]);
            let ordered = |fits: fn(f64, f64) -> bool| {
                sent.as_f64().zip(expected.as_f64()).is_some_and(|(sent, expected)| fits(sent, expected))
            };
            let fits = match keyword.as_str() {
                "title" | "description" | "examples" | "default" | "$schema" => true,
                "type" | "const" | "enum" | "required" | "properties" => true,
                "oneOf" if values(before).is_some() || values(after).is_some() => true,
                _ if expected.is_null() => true,
                "minimum" | "minLength" => ordered(|sent, expected| sent >= expected),
                "maximum" | "maxLength" => ordered(|sent, expected| sent <= expected),
                _ => sent == expected,
            };
            if !fits {
                self.same(path, keyword, &before[keyword], &after[keyword]);
            }
        }
        self.required(path, before, after);
        for (name, was) in fields(&before["properties"]) {
            match after["properties"].get(name) {
                None => self.changes.push(format!("{path}.{name} is gone")),
                Some(is) => self.schema(&format!("{path}.{name}"), was, is),
            }
        }
    }

    /// `None` stands for anything.
    fn widened(
        &mut self,
        path: &str,
        what: &str,
        sent: &Option<BTreeSet<String>>,
        expected: &Option<BTreeSet<String>>,
    ) {
        let Some(expected) = expected else { return };
        let anything = BTreeSet::from(["anything else".to_owned()]);
        for value in sent.as_ref().unwrap_or(&anything).difference(expected) {
            self.changes.push(match self.side {
                Side::Read => format!("{path}: {what}{value} is not read any more"),
                Side::Written => format!("{path}: {what}{value} is new"),
            });
        }
    }

    fn required(&mut self, path: &str, before: &Value, after: &Value) {
        let (was, is) = (texts(&before["required"]), texts(&after["required"]));
        match self.side {
            Side::Read => {
                self.changes.extend(is.difference(&was).map(|name| format!("{path}.{name} is required now")));
            }
            Side::Written => {
                // That a field is gone is said where fields are compared.
                let there = was.difference(&is).filter(|name| !after["properties"][name.as_str()].is_null());
                self.changes.extend(there.map(|name| format!("{path}.{name} is not always there any more")));
            }
        }
    }
}

/// The types that a schema allows; a whole number is a number, too.
fn types(schema: &Value) -> Option<BTreeSet<String>> {
    let mut types = match &schema["type"] {
        Value::Null => return None,
        Value::String(one) => BTreeSet::from([one.clone()]),
        several => texts(several),
    };
    if types.contains("number") {
        types.insert("integer".to_owned());
    }
    Some(types)
}

/// The values that a schema lists: `const`, `enum`, or the `oneOf` constants that a Rust enum becomes.
fn values(schema: &Value) -> Option<BTreeSet<String>> {
    let constant = |schema: &Value| schema.get("const").map(ToString::to_string);
    if let Some(only) = constant(schema) {
        return Some(BTreeSet::from([only]));
    }
    match schema.get("enum") {
        Some(list) => Some(list.as_array()?.iter().map(ToString::to_string).collect()),
        None => schema.get("oneOf")?.as_array()?.iter().map(constant).collect(),
    }
}

/// What a reference in a document leads to.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(path) => resolve(document, document.pointer(path).unwrap_or(&Value::Null)),
        None => value,
    }
}

fn fields(value: &Value) -> BTreeMap<&String, &Value> {
    value.as_object().into_iter().flat_map(Map::iter).collect()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn shown(value: &Value) -> String {
    if value.is_null() { "unset".to_owned() } else { value.to_string() }
}
