use proptest::prelude::*;

use super::*;

#[test]
fn broken_models_are_seen() {
    for text in [
        "!".repeat(16),
        " the".repeat(16),
        "<unk>".repeat(12),
        "<|reserved_7|>".repeat(10),
        format!("Sure: {}", "ok ".repeat(30)),
        "I am sorry, I cannot help with that. ".repeat(12),
        "the the the the the and the the the the of the the the the the the the".to_owned(),
        "的的的的的的的的的的的的的的的的的的".to_owned(),
        "\u{fffd}".repeat(5),
        "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}".to_owned(),
        "\u{0}\u{1}\u{2}\u{3}".to_owned(),
        "ParisĠisĠtheĠcapitalĠofĠFrance.Ċ".to_owned(),
        "▁Paris▁is▁the▁capital▁of▁France.".to_owned(),
    ] {
        assert!(why(&text).is_some(), "{text:?}");
    }
}

#[test]
fn odd_answers_pass() {
    for text in [
        "",
        "Paris",
        "No no no no.",
        "Ha ha ha ha ha!",
        "1000000000000",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20",
        "fn main() {\n        if x {\n                return;\n        }\n}\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n",
        "A café in Zürich \u{fffd} closed early, said the old man by the door.",
        "The cat sat on the mat and the dog sat on the log and the frog sat on the bog.",
        "line one\r\n\tline two\r\n\tline three\r\n",
        "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111",
        "▁▂▃▄▅▆▇█▇▆▅▄▃▂▁ rising and falling",
        "Ġurnata sabiħa: illum ix-xemx tiddi fuq Malta u Għawdex.",
    ] {
        assert_eq!(why(text), None, "{text:?}");
    }
}

#[test]
fn a_long_text_is_judged_by_its_beginning() {
    let text = "x".repeat(LOOKED_AT) + &"Now for something else. ".repeat(500);
    assert!(why(&text).is_some());
}

/// Clauses of ordinary text, a row a language or a script.
const CLAUSES: [&[&str]; 9] = [
    &[
        "the river rose after the rain,",
        "nobody had closed the gate,",
        "we took the long way home,",
        "and so it went on;",
        "she laughed at the idea.",
        "It was late.",
        "Why not?",
        "\n\n",
    ],
    &[
        "東京は日本の首都です。",
        "昨日は雨が降りました。",
        "電車が遅れています、",
        "そうですね。",
        "新しい図書館は駅の近くにある。",
        "コーヒーを一杯ください。",
        "ありがとうございます！",
    ],
    &[
        "北京是中国的首都。",
        "今天天气很好，",
        "我们去公园散步吧。",
        "这本书非常有意思；",
        "好的，谢谢！",
        "火车晚点了二十分钟。",
        "他说他明天再来。",
    ],
    &[
        "القاهرة عاصمة مصر،",
        "كان الجو جميلاً أمس.",
        "ذهبنا إلى السوق في الصباح،",
        "شكراً جزيلاً!",
        "هذا الكتاب مفيدٌ جدّاً.",
        "هل وصل القطار؟",
        "نعم، قبل قليل.",
    ],
    &[
        "서울은 대한민국의 수도입니다.",
        "어제는 비가 왔어요.",
        "기차가 늦었습니다,",
        "고맙습니다!",
        "이 책은 아주 재미있다.",
        "내일 다시 오겠다고 했다.",
    ],
    &[
        "दिल्ली भारत की राजधानी है।",
        "कल बारिश हुई थी।",
        "यह किताब बहुत अच्छी है,",
        "धन्यवाद!",
        "गाड़ी देर से आई।",
        "हम कल फिर मिलेंगे।",
    ],
    &[
        "Straße gesperrt,",
        "el niño comió ñoquis;",
        "être ou ne pas être,",
        "przyszła żółta łódź.",
        "Москва — столица России.",
        "Η Αθήνα είναι όμορφη.",
        "İstanbul'da yağmur yağdı.",
    ],
    &[
        "กรุงเทพเป็นเมืองหลวง",
        "เมื่อวานฝนตกหนัก",
        "รถไฟมาช้า",
        "ขอบคุณมากครับ",
        "หนังสือเล่มนี้สนุกดี",
        "พรุ่งนี้เจอกันใหม่",
    ],
    &["👍🏽 great", "🇫🇷🇩🇪", "👩‍👩‍👧‍👦 family", "🎉🥳 party", "❤️ thanks", "🏳️‍🌈", "😂 no way", "☕ later?"],
];

/// What is written row by row, alike and never the same: the row of a number.
const ROWS: [fn(u32) -> String; 10] = [
    |n| format!("{n}, "),
    |n| format!("{}.\n", 100 + n),
    |n| format!("| {n} | {} |\n", n * n),
    |n| format!("| {} | {} |\n", n % 10, (n + 1) % 10),
    |n| format!("{{\"id\": {n}, \"name\": \"user{n}\", \"active\": true}},\n"),
    |n| format!("        x{n} = layer{n}(x{}, mask=None)\n", n + 1),
    |n| format!("{:08x}  {:02x} {:02x} 00 00\n", n * 16, n % 251, (n * 7) % 256),
    |n| format!("2026-01-{:02}T00:00:{:02}Z,0.{n},0\n", n % 28 + 1, n % 60),
    |n| format!("- [ ] step {n}: check valve {}\n", n + 3),
    |n| format!("{n} × 7 = {}\n", n * 7),
];

proptest! {
    #[test]
    fn ordinary_text_passes(
        script in 0..CLAUSES.len(),
        drawn in prop::collection::vec(0_usize..64, 1..120),
        between in prop::sample::select(&["", " "][..]),
    ) {
        let clauses = CLAUSES[script];
        // Nobody says the same clause twice at a stretch.
        let mut text = String::new();
        let mut last = usize::MAX;
        for pick in drawn {
            let pick = pick % clauses.len();
            if pick != last {
                text.push_str(clauses[pick]);
                text.push_str(between);
            }
            last = pick;
        }
        prop_assert_eq!(why(&text), None, "{:?}", text);
    }

    #[test]
    fn lists_tables_code_and_logs_pass(row in 0..ROWS.len(), start in 0_u32..5000, rows in 1_u32..300) {
        let text: String = (start..start + rows).map(ROWS[row]).collect();
        prop_assert_eq!(why(&text), None, "{:?}", text);
    }

    #[test]
    fn json_passes(value in json()) {
        prop_assert_eq!(why(&value.to_string()), None);
        prop_assert_eq!(why(&serde_json::to_string_pretty(&value).unwrap_or_default()), None);
    }

    #[test]
    fn a_piece_over_and_over_is_seen(
        piece in "[a-z\u{4e00}-\u{4e40} .]{0,62}[a-z]",
        times in REPEATS..40,
        before in "[A-Z]{0,8}",
    ) {
        // A first few letters may be sound, and are no fifth of the text.
        let text = before + &piece.repeat(times.max(60 / piece.chars().count()));
        prop_assert!(why(&text).is_some(), "{:?}", text);
    }

    #[test]
    fn a_tenth_that_is_no_text_is_seen(
        good in prop::collection::vec("[a-z]", 0..50),
        bad in prop::sample::select(&['\u{fffd}', '\u{1}', '\u{7f}', 'Ġ'][..]),
    ) {
        let bads = (good.len() / 8 + 1).max(UNDECODABLE);
        let text = good.concat() + &bad.to_string().repeat(bads);
        prop_assert!(why(&text).is_some(), "{:?}", text);
    }
}

/// Objects and lists as an API has them.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(serde_json::Value::from),
        (-1e6..1e6).prop_map(serde_json::Value::from),
        "[a-z]{2,12}( [a-z]{2,12}){0,4}".prop_map(serde_json::Value::from),
        Just(true.into()),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::hash_map("[a-z_]{2,10}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}
