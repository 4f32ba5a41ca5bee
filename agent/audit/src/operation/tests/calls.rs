//! JSON-RPC, MCP and SOAP: the examples of their specifications.

use expect_test::expect;

use super::{check, check_none, operations, shown};
use crate::facts::sample::Sample;

const POST: &str = "POST /rpc HTTP/1.1\nContent-Type: application/json\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n";

#[test]
fn the_batch_of_the_specification_of_json_rpc() {
    // https://www.jsonrpc.org/specification#examples, "rpc call Batch".
    check(
        &format!(
            "{POST}{}\n===\n{OK}{}",
            r#"[
        {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]"#,
            r#"[
        {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"},
        {"jsonrpc": "2.0", "result": 19, "id": "2"},
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
        {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
        {"jsonrpc": "2.0", "result": 7, "id": "1"}
    ]"#
        ),
        expect![[r"
            JsonRpc sum: Proves
            JsonRpc notify_hello: Silent
            JsonRpc subtract: Proves
            JsonRpc foo.get: Denies
            JsonRpc get_data: Proves
            and 1 dropped
        "]],
    );
}

#[test]
fn single_calls_of_both_versions() {
    for (call, answer, expected) in [
        (
            r#"{"jsonrpc":"2.0","method":"eth_getBalance","params":["0x1"],"id":1}"#,
            r#"{"id":1,"result":"0x0"}"#,
            "eth_getBalance: Proves",
        ),
        (
            r#"{"id":1,"method":"user/get","params":[]}"#,
            r#"{"result":null,"error":"no such user","id":1}"#,
            "user/get: Proves",
        ),
        (
            r#"{"jsonrpc":"1.0","id":"curltest","method":"getblockcount","params":[]}"#,
            r#"{"result":null,"error":null,"id":"curltest"}"#,
            "getblockcount: Proves",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"x","id":1}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#,
            "x: Denies",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"x","id":1}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32602},"id":1}"#,
            "x: Proves",
        ),
        (r#"{"jsonrpc":"2.0","method":"x","id":1}"#, r#"{"jsonrpc":"2.0","result":1,"id":2}"#, "x: Unknown"),
        (r#"{"jsonrpc":"2.0","method":"a b","id":1}"#, "", "(other): Unknown"),
        (r#"{"jsonrpc":"2.0","\u006dethod":"x","id":1}"#, "", "none"),
        (r#"{"jsonrpc":"2.0","method":"host.get","params":{},"auth":"x","id":1}"#, "", "host.get: Unknown"),
        (r#"{"jsonrpc":"2.0","result":{},"id":1}"#, "", "none"),
    ] {
        let found = operations(&Sample::new(&format!("{POST}{call}")), Some(&Sample::new(&format!("{OK}{answer}"))));
        let expected = if expected == "none" { "none\n".to_owned() } else { format!("JsonRpc {expected}\n") };
        assert_eq!(shown(found.as_deref()), expected, "{call} {answer}");
    }
}

#[test]
fn what_looks_like_json_rpc_is_not_it() {
    for body in [
        r#"{"method":"card","amount":5}"#,
        r#"{"method":"x"}"#,
        r#"{"method":"x","params":{},"id":1}"#,
        r#"{"method":"x","params":[]}"#,
        r#"{"method":7,"params":[],"id":1}"#,
        r#"{"jsonrpc":"3.0","method":"x","id":1}"#,
        r#"{"jsonrpc":"2.0"}"#,
    ] {
        check_none("/payments", body);
    }
}

#[test]
fn the_model_context_protocol() {
    // https://modelcontextprotocol.io/specification/2025-06-18/server/tools and basic/transports.
    let head = "POST /mcp HTTP/1.1\nContent-Type: application/json\nAccept: application/json, text/event-stream\nMCP-Protocol-Version: 2025-06-18\n\n";
    let stream = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n";
    let of = |body: &str, answer: &str| {
        shown(operations(&Sample::new(&format!("{head}{body}")), Some(&Sample::new(answer))).as_deref())
    };
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_weather","arguments":{"location":"New York"}}}"#;
    let result = r#"{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"72°F"}],"isError":false}}"#;
    assert_eq!(
        of(
            call,
            &format!(
                "{stream}event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}}\n\ndata: {result}\n\n"
            )
        ),
        "Mcp tools/call get_weather: Proves\n"
    );
    assert_eq!(of(call, &format!("{OK}{result}")), "Mcp tools/call get_weather: Proves\n");
    let failed = result.replace("false", "true");
    assert_eq!(of(call, &format!("{OK}{failed}")), "Mcp tools/call get_weather: Silent\n");
    let unknown = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"Unknown tool: get_weather"}}"#;
    assert_eq!(of(call, &format!("{OK}{unknown}")), "Mcp tools/call get_weather: Denies\n");
    for (body, expected) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "tools/list"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}"#,
            "resources/read",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"code_review"}}"#,
            "prompts/get code_review",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"name":"x"}}}"#, "tools/call (other)"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a b"}}"#, "tools/call (other)"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notifications/initialized"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "ping"),
        (r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#, "initialize"),
    ] {
        assert_eq!(of(body, "HTTP/1.1 202 Accepted\n\n"), format!("Mcp {expected}: Unknown\n"));
    }
    let plain = Sample::new(&format!("{POST}{}", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
    assert_eq!(shown(operations(&plain, None).as_deref()), "JsonRpc ping: Unknown\n");
}

#[test]
fn soap_1_1() {
    // https://www.w3.org/TR/2000/NOTE-SOAP-20000508/#_Toc478383490, examples 1 and 2.
    let envelope = |body: &str| {
        format!(
            "<SOAP-ENV:Envelope\n  xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\">\n   <SOAP-ENV:Body>\n{body}</SOAP-ENV:Body>\n</SOAP-ENV:Envelope>"
        )
    };
    let ask = envelope("<m:GetLastTradePrice xmlns:m=\"Some-URI\"><symbol>DIS</symbol></m:GetLastTradePrice>");
    let give =
        envelope("<m:GetLastTradePriceResponse xmlns:m=\"Some-URI\"><Price>34.5</Price></m:GetLastTradePriceResponse>");
    let head = "POST /StockQuote HTTP/1.1\nHost: www.stockquoteserver.com\nContent-Type: text/xml; charset=\"utf-8\"\n";
    let answer = "HTTP/1.1 200 OK\nContent-Type: text/xml; charset=\"utf-8\"\n\n";
    for (action, expected) in [
        ("SOAPAction: \"Some-URI\"\n", "Some-URI"),
        ("SOAPAction: \"\"\n", "GetLastTradePrice"),
        ("", "GetLastTradePrice"),
        ("SOAPAction: \"http://tempuri.org/IService1/GetData\"\n", "GetData"),
        ("SOAPAction: urn:quotes#GetPrice\n", "GetPrice"),
        ("SOAPAction: \"Zk3vQ9xLw2Pd8RtY5nBc\"\n", "(other)"),
    ] {
        let found =
            operations(&Sample::new(&format!("{head}{action}\n{ask}")), Some(&Sample::new(&format!("{answer}{give}"))));
        assert_eq!(shown(found.as_deref()), format!("Soap {expected}: Proves\n"));
    }
    for (code, expected) in [
        ("SOAP-ENV:Server", "Proves"),
        ("SOAP-ENV:Client", "Denies"),
        ("Client.Authentication", "Denies"),
        ("x:Mine", "Silent"),
    ] {
        let fault = envelope(&format!(
            "<SOAP-ENV:Fault><faultcode>{code}</faultcode><faultstring>no</faultstring></SOAP-ENV:Fault>"
        ));
        let found =
            operations(&Sample::new(&format!("{head}\n{ask}")), Some(&Sample::new(&format!("{answer}{fault}"))));
        assert_eq!(shown(found.as_deref()), format!("Soap GetLastTradePrice: {expected}\n"));
    }
}

#[test]
fn soap_1_2() {
    // https://www.w3.org/TR/soap12-part0/, examples 1 and 7.
    let head = "POST /Reservations HTTP/1.1\nContent-Type: application/soap+xml; charset=utf-8";
    let ask = r#"<?xml version='1.0' ?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" note="a > b">
 <!-- <env:Body><no/></env:Body> -->
 <env:Header><m:reservation xmlns:m="http://travel/reservation"><env:Body><not/></env:Body><m:x/></m:reservation></env:Header>
 <env:Body>
  <p:itinerary xmlns:p="http://travel/travel"><p:departure/></p:itinerary>
 </env:Body>
</env:Envelope>"#;
    let fault = r#"<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value>
<env:Subcode><env:Value>rpc:BadArguments</env:Value></env:Subcode></env:Code></env:Fault></env:Body></env:Envelope>"#;
    check(
        &format!("{head}\n\n{ask}\n===\nHTTP/1.1 400 Bad\nContent-Type: application/soap+xml\n\n{fault}"),
        expect![[r"
            Soap itinerary: Denies
        "]],
    );
    check(
        &format!(
            "{head}; action=\"urn:travel/Book\"\n\n{ask}\n===\nHTTP/1.1 200 OK\nContent-Type: text/html\n\n<html>"
        ),
        expect![[r"
            Soap Book: Unknown
        "]],
    );
    check(
        &format!(
            "POST /x HTTP/1.1\nContent-Type: text/xml\n\n{}\n===\nHTTP/1.1 200 OK\nContent-Type: text/xml\n\n<a/>",
            ask.replace("m:x/", "m:x")
        ),
        expect![[r"
            Soap (other): Silent
        "]],
    );
}

#[test]
fn other_xml_is_no_soap() {
    for body in [
        "<?xml version=\"1.0\"?><methodCall><methodName>a</methodName></methodCall>",
        "<Envelope><Body><a/></Body></Envelope>",
        "<a",
        "",
        "<!-- <Envelope",
    ] {
        check(
            &format!("POST /x HTTP/1.1\nContent-Type: text/xml\n\n{body}"),
            expect![[r"
            none
        "]],
        );
    }
}
