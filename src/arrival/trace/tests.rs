//! Every form of a trace, and what is said of one that is in none.

use super::*;

fn demand(millis: u64, input: u32, output: u32) -> Demand {
    let known = |tokens| (tokens > 0).then_some(tokens);
    Demand {
        offset: Duration::from_millis(millis),
        input_tokens: known(input),
        output_tokens: known(output),
    }
}

fn parsed(text: &str) -> Trace {
    Trace::parse(text).expect("a trace")
}

fn refusal(text: &str) -> String {
    Trace::parse(text).expect_err("no trace").to_string()
}

#[test]
fn plain_lines_are_seconds_or_times() {
    let trace = parsed(
        "\u{feff}{\"timestamp\": 1700000000.25, \"input_tokens\": 12, \"output_tokens\": 3}\n\n\
         {\"timestamp\": \"2023-11-14T22:13:21Z\", \"other\": [1]}\r\n",
    );
    assert_eq!(trace.form, TraceForm::Plain);
    assert_eq!(*trace.demands, [demand(0, 12, 3), demand(750, 0, 0)]);
}

#[test]
fn mooncake_is_milliseconds() {
    let trace = parsed(
        "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [4]}\n\
         {\"timestamp\": 30535, \"input_length\": 6472, \"output_length\": 26, \"hash_ids\": []}",
    );
    assert_eq!(trace.form, TraceForm::Mooncake);
    assert_eq!(*trace.demands, [demand(0, 6955, 52), demand(3053, 6472, 26)]);
}

#[test]
fn azure_is_times_without_or_with_a_zone() {
    let trace = parsed(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n\
         2023-11-16 18:17:03.9800000,4808,10\n\
         2023-11-16 18:17:04.0310000+00:00,110,27\n",
    );
    assert_eq!(trace.form, TraceForm::Azure);
    assert_eq!(*trace.demands, [demand(0, 4808, 10), demand(51, 110, 27)]);
}

#[test]
fn burst_gpt_is_seconds_among_other_columns() {
    let trace = parsed(
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
         5,ChatGPT,472,18,490,Conversation log\n\
         45.5,\"GPT-4\",1087,0,1087,API log\n",
    );
    assert_eq!(trace.form, TraceForm::BurstGpt);
    // An answer of no tokens was none: its length is not known.
    assert_eq!(*trace.demands, [demand(0, 472, 18), demand(40_500, 1087, 0)]);
}

#[test]
fn rows_out_of_order_are_sorted_and_counted() {
    let line = |seconds: u32| format!("{{\"timestamp\": {seconds}, \"input_tokens\": {seconds}}}");
    let trace = parsed(&[7, 5, 6, 9, 5].map(line).join("\n"));
    assert_eq!(trace.out_of_order, 3);
    let offsets: Vec<u64> = trace.demands.iter().map(|one| one.offset.as_secs()).collect();
    assert_eq!(offsets, [0, 0, 1, 2, 4]);
    assert_eq!(trace.demands[2].input_tokens, Some(6));
    assert_eq!(parsed(&line(7)).out_of_order, 0);
}

#[test]
fn refusals_name_the_place_and_the_remedy() {
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    let burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
    for (text, said) in [
        ("\n \n".to_owned(), "no request"),
        (azure.to_owned(), "no request"),
        ("\ntime,in,out\n1,2,3".to_owned(), "line 2: \"time,in,out\" begins no trace"),
        ("{\"timestamp\": 1}\n{\"time".to_owned(), "line 2, character 6: not a JSON object"),
        ("{}".to_owned(), "line 1: `timestamp` is missing: expected seconds"),
        ("{\"timestamp\": \"noon\"}".to_owned(), "line 1, `timestamp`: \"noon\" is no such value"),
        ("{\"timestamp\": 1e300}".to_owned(), "line 1, `timestamp`: 1e+300 is no"),
        (
            "{\"timestamp\": 1, \"input_length\": -4}".to_owned(),
            "line 1, `input_length`: -4 is no such value: expected a number of tokens",
        ),
        (
            "{\"timestamp\": \"2023-11-14T22:13:21Z\", \"output_length\": 4}".to_owned(),
            "expected milliseconds as a number",
        ),
        (format!("{azure}2023-11-16 18:17:03,1,2\n12:00,1,2"), "line 3, `TIMESTAMP`: \"12:00\""),
        (format!("\n  \r\n{azure}12:00,1,2"), "line 4, `TIMESTAMP`: \"12:00\""),
        (format!("\n  \n{azure}1,2"), "line 4: 2 columns in place of 3"),
        (format!("{azure}2023-11-16 18:17:03,,2"), "line 2: `ContextTokens` is missing"),
        (format!("{azure}2023-11-16 18:17:03,1"), "line 2: 2 columns in place of 3"),
        (format!("{burst}soon,m,1,2,3,x"), "line 2, `Timestamp`: \"soon\""),
        (format!("{burst}NaN,m,1,2,3,x"), "line 2, `Timestamp`: \"NaN\""),
        (format!("{burst}1,m,1,2.5,3,x"), "line 2, `Response tokens`: \"2.5\""),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.contains(said), "{text:?}: {refusal}");
    }
}

#[test]
fn what_is_quoted_is_cut_short() {
    let found = "ü".repeat(1000);
    assert!(refusal(&found).contains(&format!("{}…\"", "ü".repeat(60))));
}
