use proptest::prelude::*;

use super::*;

fn text_of(object: &str, name: &str) -> Option<Value> {
    objects(object).next()?.get(name).cloned()
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

#[test]
fn slips_are_forgiven() {
    for object in [
        "{\"a\": 1, \"q\": \"왜?\"}",
        "{'a': True, 'q': '왜?'}",
        "{a: null, q: \"왜?\"}",
        "{“a”: “x”, “q”: “왜?”}",
        "{\"a\": 1, /* 더 */ \"q\": \"왜?\" // 끝\n}",
        "{\"a\": [1, \"b\",], \"q\": \"왜?\",}",
        "{\"a\": \"x\"\n \"q\": \"왜?\"}",
        "{\"a\": {\"b\": {}}, \"q\": \"왜?\"",
        "{\"q\": 왜?, \"a\": 1}",
        "음 {\"Q\": \"왜?\"} 끝",
        "{\"q\": \"\\uc65c?\"}",
        "{a=false, q=\"왜?\"}",
        "{a => true; q => '왜?'}",
        "{\"a\": false \"q\": \"왜?\"}",
        "{\"a\": \"x\" \"q\": \"왜?\"}",
        "{“a”： false， “q”： “왜?”}",
        "{\"a\": 1, \"q\": \"\"\"왜?\"\"\"}",
        "{\"q \": \"왜?\"}",
    ] {
        assert_eq!(text_of(object, "q"), text("왜?"), "{object}");
    }
}

#[test]
fn fields_are_read_without_their_bracket_and_names_however_they_are_parted() {
    for object in ["\"n_q\": \"왜?\"", "- a: 1\n- N_Q: 왜?", "a: false\nNQ: 왜?", "n_q=\"왜?\"}"] {
        let object = fields(object, &["a", "n q"]).unwrap();
        assert_eq!(object.get("n_q").map(Value::texts), Some(vec!["왜?"]), "{object:?}");
    }
    assert_eq!(fields("b: 1, a: 2", &["a"]), None);
    assert_eq!(unescaped("{\\\"q\\\": 1}"), "{\"q\": 1}");
}

#[test]
fn a_quote_that_was_not_escaped_belongs_to_its_text() {
    assert_eq!(text_of("{\"q\": \"\"TCP\"와 \"UDP\", 둘 다요?\"}", "q"), text("\"TCP\"와 \"UDP\", 둘 다요?"));
    assert_eq!(text_of("{\"q\": \"가\n나\"}", "q"), text("가\n나"));
    assert_eq!(value("\"가\"와 \"나\""), text("가\"와 \"나"));
}

#[test]
fn what_breaks_off_is_known_as_broken() {
    let broken = objects("{\"a\": 1, \"q\": \"왜 그").next().unwrap();
    assert_eq!(broken.get("q"), Some(&Value::Broken("왜 그".to_owned())));
    assert!(!broken.whole);
    assert!(objects("{\"q\": \"왜?\"}").next().unwrap().whole);
}

#[test]
fn an_object_within_another_is_found() {
    let object = objects("[{\"r\": [{\"q\": \"왜?\"}]}]").next().unwrap();
    assert_eq!(object.with_any(&["q"]).unwrap().get("q").cloned(), text("왜?"));
    assert_eq!(object.texts(), ["왜?"]);
}

#[test]
fn braces_of_code_and_text_are_no_object() {
    for text in ["{ return x; }", "{}{", "집합 {1, 2}", "{https://a.kr}", "f() { if (a) { b; } }"] {
        assert_eq!(objects(text).flat_map(|object| object.fields).next(), None, "{text}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        "[가-힣a-z\"',:{}\\[\\]\\\\\n /]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z가-힣 ]{1,8}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn strictly(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nothing,
        serde_json::Value::Bool(flag) => Value::Flag(*flag),
        serde_json::Value::Number(_) => Value::Other,
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(values) => Value::List(values.iter().map(strictly).collect()),
        serde_json::Value::Object(map) => {
            let fields = map.iter().map(|(key, value)| (key.clone(), strictly(value))).collect();
            Value::Object(Object { fields, whole: true })
        }
    }
}

proptest! {
    #[test]
    fn json_is_read_as_json(json in json(), pretty: bool) {
        let json = serde_json::json!({ "a": json, "b": 1 });
        let text = if pretty { serde_json::to_string_pretty(&json).unwrap() } else { json.to_string() };
        prop_assert_eq!(objects(&text).next().map(Value::Object), Some(strictly(&json)));
    }

    #[test]
    fn any_text_can_be_read(text in "[{}\\[\\]\"':,a가 \n/*#\\\\u0]{0,60}") {
        let _ = (objects(&text).count(), value(&text));
    }
}
