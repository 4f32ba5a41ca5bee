"""A WebSocket, an event stream and gRPC calls between real clients and real servers, and their own account of them.

usage: streams.py GO

Writes its ports as a line of JSON, runs all three to their halves, waits until the file GO is there, goes on to the end, and
writes what was sent as a second line. All connections are on loopback and in clear.
"""

import asyncio
import http.client
import http.server
import json
import os
import sys
import threading
import time
from concurrent import futures

import grpc
import websockets
from websockets.extensions.permessage_deflate import PerMessageDeflate

GO = sys.argv[1]
TEXTS, BINARIES = {"client": 5, "server": 7}, 4  # of each half
EVENTS = 12  # of each half
EVENT_SECONDS = 0.1
CLOSE_CODE = 4001


def say(line):
    print(json.dumps(line), flush=True)


async def until_go():
    while not os.path.exists(GO):
        await asyncio.sleep(0.02)


# The WebSocket. What a side sends is counted where the library hands its frames to the wire: after compression.

SENT = {}


def counted(encode):
    def wrapper(self, frame):
        wire = encode(self, frame)
        sent = SENT.setdefault(id(self), {"text": 0, "binary": 0, "fragmented": 0, "compressed": 0, "control": 0, "bytes": 0})
        if wire.opcode >= 8:
            sent["control"] += 1
            return wire
        if wire.opcode:
            sent["text" if wire.opcode == 1 else "binary"] += 1
            sent["compressed"] += wire.rsv1
            sent["fragmented"] += not wire.fin
        sent["bytes"] += len(wire.data)
        return wire

    return wrapper


PerMessageDeflate.encode = counted(PerMessageDeflate.encode)


async def half(socket, name):
    for number in range(TEXTS[name] - 1):
        await socket.send(f"{name} says {number} " * (number + 1))
    await socket.send([f"{name} says this ", "in three ", "frames"])
    for number in range(BINARIES):
        await socket.send(os.urandom(1 + 100 * number))


async def received(socket, name):
    got = {"text": 0, "binary": 0}
    for _ in range(2 * (TEXTS[name] + BINARIES)):
        got["text" if isinstance(await socket.recv(), str) else "binary"] += 1
    return got


async def web_socket():
    served = asyncio.get_running_loop().create_future()

    async def serve(socket):
        await half(socket, "server")
        await until_go()
        await half(socket, "server")
        got = await received(socket, "client")
        await socket.wait_closed()
        served.set_result((got, SENT[id(socket.extensions[0])], socket.close_code))

    async with websockets.serve(serve, "127.0.0.1", 0, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        yield port
        async with websockets.connect(f"ws://127.0.0.1:{port}/talk", ping_interval=None) as socket:
            await half(socket, "client")
            await (await socket.ping())
            await until_go()
            await half(socket, "client")
            got = await received(socket, "server")
            await socket.close(CLOSE_CODE)
            mine = SENT[id(socket.extensions[0])]
        by_server, its, code = await served
    yield {"client": mine, "server": its, "client_got": got, "server_got": by_server, "code": code}


# The event stream.


class Events(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(2 * EVENTS):
            while number == EVENTS and not os.path.exists(GO):
                time.sleep(0.02)
            event = b"event: price\r\nid: %d\r\ndata: %d\r\n\r\n" % (number, number * number)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(EVENT_SECONDS)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


def events(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/prices", headers={"Accept": "text/event-stream"})
    began = time.monotonic()
    body = connection.getresponse().read()
    return {"events": body.count(b"\r\n\r\n"), "bytes": len(body), "seconds": time.monotonic() - began}


# gRPC, without code made from a .proto: a message is its bytes.


def get(request, context):
    if request == b"none":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
    return request * 3


def orders_after(request, _):
    for number in range(5):
        yield request * number


def grpc_server():
    methods = {
        "Get": grpc.unary_unary_rpc_method_handler(get),
        "List": grpc.unary_stream_rpc_method_handler(orders_after),
    }
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("shop.v1.Orders", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def grpc_calls(port):
    calls = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        one, many = channel.unary_unary("/shop.v1.Orders/Get"), channel.unary_stream("/shop.v1.Orders/List")
        for request in [b"order 1", b"none", b"order 22"]:
            try:
                answer, call = one.with_call(request)
                answers, code = [answer], call.code()
            except grpc.RpcError as error:
                answers, code = [], error.code()
            calls.append(call_of("Get", request, answers, code))
        stream = many(b"order")
        answers = list(stream)
        calls.append(call_of("List", b"order", answers, stream.code()))
    return calls


def call_of(method, request, answers, code):
    return {
        "method": method,
        "status": code.value[0],
        "request": [1, len(request)],
        "response": [len(answers), sum(map(len, answers))],
    }


async def main():
    server, grpc_port = grpc_server()
    sse = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Events)
    threading.Thread(target=sse.serve_forever, daemon=True).start()
    web = web_socket()
    say({"websocket": await anext(web), "events": sse.server_port, "grpc": grpc_port})
    work = [asyncio.to_thread(events, sse.server_port), asyncio.to_thread(grpc_calls, grpc_port), anext(web)]
    told = dict(zip(["events", "grpc", "websocket"], await asyncio.gather(*work)))
    say(told)
    server.stop(None)


asyncio.run(main())
