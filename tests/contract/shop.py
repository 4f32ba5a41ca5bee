"""A real API with its own document: FastAPI as its users write it. Says on its standard output which operation answered what."""

import sys
from enum import Enum
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, Field

api = FastAPI(title="Shop", version="2.1.0")


class State(str, Enum):
    new = "new"
    paid = "paid"
    shipped = "shipped"


class Line(BaseModel):
    sku: Annotated[str, Field(pattern="^[A-Z]{3}-[0-9]{4}$")]
    count: Annotated[int, Field(ge=1, le=1000)]


class Order(BaseModel):
    customer: int
    lines: Annotated[list[Line], Field(min_length=1, max_length=20)]
    note: str | None = None


class Stored(Order):
    id: int
    state: State


def stored(number: int, state: State = State.new) -> Stored:
    return Stored(id=number, state=state, customer=7, lines=[Line(sku="ABC-0001", count=2)])


Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@api.middleware("http")
async def log(request: Request, proceed):
    response = await proceed(request)
    route = request.scope.get("route")
    path = getattr(route, "path", None)
    if path and path not in ("/openapi.json", "/docs", "/redoc"):
        print(request.method, path, response.status_code, flush=True)
    return response


@api.get("/health")
def health() -> dict[str, str]:
    return {"status": "up"}


@api.get("/orders")
def orders(limit: Annotated[int, Query(ge=1, le=100)] = 20, state: State | None = None) -> list[Stored]:
    return [stored(number, state or State.new) for number in range(1, min(limit, 3) + 1)]


@api.post("/orders", status_code=201)
def create(order: Order) -> Stored:
    return Stored(id=1, state=State.new, **order.model_dump())


@api.get("/orders/{number}")
def order(number: Number) -> Stored:
    return stored(number)


@api.put("/orders/{number}")
def replace(number: Number, order: Order) -> Stored:
    return Stored(id=number, state=State.new, **order.model_dump())


@api.delete("/orders/{number}", status_code=204)
def cancel(number: Number) -> Response:
    return Response(status_code=204)


@api.get("/orders/{number}/lines/{position}")
def line(number: Number, position: Annotated[int, Path(ge=0, le=19)]) -> Line:
    return stored(number).lines[0]


@api.get("/customers/{customer}")
def customer(customer: UUID) -> dict[str, str]:
    return {"id": str(customer), "name": "Someone"}


@api.get("/customers/{customer}/orders")
def of_customer(customer: UUID) -> list[Stored]:
    return [stored(1)]


@api.get("/catalogue/{kind}/{sku}")
def article(kind: State, sku: Annotated[str, Path(pattern="^[A-Z]{3}-[0-9]{4}$")]) -> Line:
    return Line(sku=sku, count=1)


@api.get("/report")
def report(answer: Response, x_tenant: Annotated[str | None, Header()] = None) -> dict[str, int]:
    # Its end is announced by itself, and not in the document.
    answer.headers["Deprecation"] = "@1688169599"
    answer.headers["Sunset"] = "Sun, 30 Jun 2024 23:59:59 GMT"
    if x_tenant == "closed":
        raise HTTPException(status_code=403, detail="closed")
    return {"orders": 3}


if __name__ == "__main__":
    uvicorn.run(api, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
