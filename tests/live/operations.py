"""An API of operations, each kind behind one path: GraphQL (graphql-core), JSON-RPC, MCP's tools, SOAP. Says of each request which operations
it carried out, one a line: what apiscope lists is compared with that."""

import json
import sys
import xml.etree.ElementTree as ElementTree

import graphql
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SCHEMA = graphql.build_schema(
    "type Query { me: User, order(id: ID!): Order, fails: Int } type Mutation { add(id: ID!): Order }"
    " type User { id: ID, name: String } type Order { id: ID, items: Int }"
)


class Root:
    def me(self, info):
        return {"id": "1", "name": "one"}

    def order(self, info, id):
        return {"id": id, "items": 3}

    def add(self, info, id):
        return {"id": id, "items": 0}

    def fails(self, info):
        raise RuntimeError("this one fails")


def said(request, operation):
    print(f"{request.method} {request.url.path}#{operation}", flush=True)


def carried_out(asked):
    """The name of an operation as people would say it: its kind with its own name, or with its fields."""
    operation = graphql.utilities.get_operation_ast(graphql.parse(asked["query"]), asked.get("operationName"))
    kind, name = operation.operation.value, operation.name
    fields = ",".join(selection.name.value for selection in operation.selection_set.selections)
    return f"{kind} {name.value}" if name else f"{kind} ({fields})"


def answer_graphql(request, asked):
    result = graphql.graphql_sync(
        SCHEMA, asked["query"], Root(), operation_name=asked.get("operationName"), variable_values=asked.get("variables")
    )
    if result.data is not None:
        said(request, carried_out(asked))
    return result.formatted


async def graphql_endpoint(request):
    if request.method == "GET":
        asked = dict(request.query_params)
        asked.pop("variables", None)
    else:
        asked = await request.json()
    if isinstance(asked, list):
        answers = [answer_graphql(request, one) for one in asked]
        said(request, "(batch)")
        return JSONResponse(answers)
    return JSONResponse(answer_graphql(request, asked))


METHODS = {"add": sum, "largest": max, "first.of": lambda numbers: numbers[0]}


def answer_rpc(request, call):
    method = METHODS.get(call["method"])
    if method is None:
        return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "Method not found"}}
    said(request, call["method"])
    return {"jsonrpc": "2.0", "id": call["id"], "result": method(call["params"])}


async def rpc(request):
    calls = await request.json()
    if isinstance(calls, list):
        answers = [answer_rpc(request, call) for call in calls]
        said(request, "(batch)")
        return JSONResponse(answers)
    return JSONResponse(answer_rpc(request, calls))


async def mcp(request):
    call = await request.json()
    answer = {"jsonrpc": "2.0", "id": call["id"]}
    if call["method"] == "tools/list":
        said(request, "tools/list")
        answer["result"] = {"tools": [{"name": "search"}, {"name": "forecast"}]}
    elif call["params"]["name"] in ("search", "forecast"):
        said(request, f"tools/call {call['params']['name']}")
        answer["result"] = {"content": [{"type": "text", "text": "found"}]}
    else:
        answer["error"] = {"code": -32602, "message": "Unknown tool"}
    return JSONResponse(answer)


ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


async def soap(request):
    body = ElementTree.fromstring(await request.body()).find(f"{{{ENVELOPE}}}Body")
    operation = body[0].tag.split("}")[-1]
    if operation in ("GetPrice", "GetStock"):
        said(request, operation)
        status, inside = 200, f"<{operation}Response><Value>7</Value></{operation}Response>"
    else:
        status, inside = 500, "<s:Fault><faultcode>s:Client</faultcode><faultstring>no such operation</faultstring></s:Fault>"
    text = f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body>{inside}</s:Body></s:Envelope>'
    return Response(text, status, media_type="text/xml")


async def order(request):
    print(f"{request.method} /orders/{{id}}", flush=True)
    return JSONResponse({"id": request.path_params["id"]})


app = Starlette(
    routes=[
        Route("/graphql", graphql_endpoint, methods=["GET", "POST"]),
        Route("/rpc", rpc, methods=["POST"]),
        Route("/mcp", mcp, methods=["POST"]),
        Route("/soap", soap, methods=["POST"]),
        Route("/orders/{id:int}", order, methods=["GET"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", access_log=False)
