"""Documents of GraphQL, and what graphql-core (the port of the reference implementation) reads of them.

    oracle.py SEED COUNT

Prints a line of JSON for each: the document, the operation's name that is asked for (or null), and the kind and name of the operation
that would be run with the fields at its root, sorted; null where nothing would be run, "broken" where graphql-core reads no document.
"""

import json
import random
import sys

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLError, OperationDefinitionNode, Visitor, parse, visit

NAMES = ["a", "me", "user", "posts", "_x", "node2", "on", "query", "mutation", "fragment", "type", "__schema", "true", "null"]
TYPES = ["Query", "T", "on"]


class Writer:
    """Writes random documents by the grammar, with much that is ignored between the tokens."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fragments = [name for name in ("F", "G", "H") if self.random.random() < 0.5]

    def chance(self, of):
        return self.random.random() < of

    def name(self):
        return self.random.choice(NAMES)

    def space(self):
        return self.random.choice([" ", " ", "\n", ",", " # } { ( \" \n", "\t", ", ,", "\r\n"])

    def join(self, parts):
        return "".join(part + self.space() for part in parts)

    def string(self):
        return self.random.choice(['""', '"}"', '"\\""', '"# {"', '"\\\\"', '""""""', '"""a"b } \\""" \n { """', '"\\u0041{"', '"ä"'])

    def value(self, depth=0):
        kinds = ["1", "-1.5e3", "$v", "true", "null", "RED", self.string(), self.string()]
        if depth < 2:
            kinds.append("[" + self.join(self.value(depth + 1) for _ in range(self.random.randrange(3))) + "]")
            kinds.append("{" + self.join(f"{self.name()}: {self.value(depth + 1)}" for _ in range(self.random.randrange(3))) + "}")
        return self.random.choice(kinds)

    def arguments(self):
        if not self.chance(0.4):
            return ""
        return "(" + self.join(f"{self.name()}{self.space()}:{self.value()}" for _ in range(1 + self.random.randrange(3))) + ")"

    def directives(self):
        count = self.random.choice([0, 0, 0, 1, 2])
        return "".join(f"{self.space()}@{self.name()}{self.arguments()}" for _ in range(count))

    def selection(self, depth):
        kind = self.random.random()
        if kind < 0.12 and self.fragments:
            return "..." + self.space() + self.random.choice(self.fragments) + self.directives()
        if kind < 0.25 and depth < 3:
            on = f"{self.space()}on {self.random.choice(TYPES)}" if self.chance(0.6) else ""
            return "..." + on + self.directives() + self.selections(depth + 1)
        alias = f"{self.name()}{self.space()}:{self.space()}" if self.chance(0.25) else ""
        below = self.selections(depth + 1) if depth < 3 and self.chance(0.3) else ""
        return alias + self.name() + self.arguments() + self.directives() + below

    def selections(self, depth=0):
        return self.space() + "{" + self.join(self.selection(depth) for _ in range(1 + self.random.randrange(3))) + "}"

    def variables(self):
        if not self.chance(0.4):
            return ""
        one = lambda: f"${self.name()}: [T!]" + (f" = {self.value()}" if self.chance(0.4) else "") + self.directives()
        return "(" + self.join(one() for _ in range(1 + self.random.randrange(2))) + ")"

    def operation(self, names):
        if self.chance(0.3):
            return self.selections()
        name = self.space() + self.random.choice(names) if self.chance(0.7) else ""
        kind = self.random.choice(["query", "query", "mutation", "subscription"])
        return kind + name + self.variables() + self.directives() + self.selections()

    def document(self):
        operations = 1 if self.chance(0.8) else 2
        names = ["GetUser", "B", "query", "on"]
        parts = [self.operation(names[place::2]) for place in range(operations)]
        parts += [f"fragment {name} on {self.random.choice(TYPES)}{self.directives()}{self.selections()}" for name in self.fragments]
        if self.chance(0.3):
            self.random.shuffle(parts)
        return self.random.choice(["", "\ufeff", " ", "# query X { }\n"]) + self.join(parts)

    def changed(self, text):
        """The document with something else somewhere: most are broken then."""
        at = self.random.randrange(len(text) + 1)
        what = self.random.randrange(4)
        if what == 0:
            return text[:at]
        if what == 1:
            return text[:at] + self.random.choice('{}()[]"$:=@!|&.#,\\ a1-\n') + text[at:]
        if what == 2:
            return text[:at] + text[at + 1 + self.random.randrange(5):]
        return text[:at] + self.random.choice(["type T { a: B }", "schema", "extend", "=", "|="]) + text[at:]


def roots(document, selections, seen):
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node.name.value
        elif isinstance(node, FragmentSpreadNode):
            if node.name.value not in seen:
                seen.add(node.name.value)
                for known in document.definitions:
                    if isinstance(known, FragmentDefinitionNode) and known.name.value == node.name.value:
                        yield from roots(document, known.selection_set, seen)
                        break
        else:
            yield from roots(document, node.selection_set, seen)


class Empty(Visitor):
    """Whether a selection set has no selection: the grammar (GraphQL 2.8) asks for one, and graphql-core 3.3 does not."""

    found = False

    def enter_selection_set(self, node, *_):
        self.found = self.found or not node.selections


def read(text, wanted):
    try:
        document = parse(text)
    except (GraphQLError, IndexError):
        # graphql-core 3.2 has no better word for an escape that was cut.
        return "broken"
    empty = Empty()
    visit(document, empty)
    if empty.found:
        return "broken"
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if wanted is not None:
        operations = [node for node in operations if node.name and node.name.value == wanted][:1]
    if len(operations) != 1:
        return None
    operation = operations[0]
    fields = sorted(set(roots(document, operation.selection_set, set())))
    return {"kind": operation.operation.value, "name": operation.name.value if operation.name else None, "fields": fields}


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for number in range(count):
        writer = Writer(seed * 1_000_003 + number)
        text = writer.document()
        if number % 3 == 2:
            text = writer.changed(text)
        wanted = writer.random.choice([None, None, None, None, "GetUser", "B"])
        print(json.dumps({"text": text, "wanted": wanted, "read": read(text, wanted)}))


main()
