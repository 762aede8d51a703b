"""From a checked expression to a program: closures that evaluate it and count what that costs.

A variable has a place of its own in a run. An error is an exception, until && and || or a loop that uses them may still
come to a verdict without what failed.
Source: cel-go/interpreter/{planner,interpretable,attributes,decorators,runtimecost}.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.apimachinery import patterns
from pybernetes.cel import charges, costs, functions, guards, running, types, values
from pybernetes.cel.charges import FAILED
from pybernetes.cel.checking import Checked
from pybernetes.cel.declarations import Functions
from pybernetes.cel.guards import UNEXPECTED
from pybernetes.cel.running import MOST_WORK, CostExceededError, Run
from pybernetes.cel.steps import Step, building, decided, deciding, equality, or_failed
from pybernetes.cel.syntax import Call, CelError, Fold, Ident, ListOf, Literal, MapOf, Message, Node, Select
from pybernetes.cel.values import ABSENT, NO_OVERLOAD, Optional

CONVERSIONS = frozenset(["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"])


class Program:
    """An expression that can be evaluated."""

    def __init__(self, step: Step, places: Mapping[str, int], size: int, checked: Checked) -> None:
        self._step = step
        self._variables = places
        self._size = size
        self.checked = checked

    def evaluate(
        self, variables: Mapping[str, Any], limit: int = costs.LIMIT_PER_CALL, most_work: int = MOST_WORK
    ) -> tuple[Any, Run]:
        """The value, and the run with what it cost.

        Of an expression that failed the value is a CelError, of one that cost too much a CostExceededError.
        """
        places = [ABSENT] * self._size
        for name, place in self._variables.items():
            places[place] = variables.get(name, ABSENT)
        run = Run(places, limit, most_work)
        try:
            found = self._step(run)
        except CostExceededError as error:
            return error, run
        except CelError as error:
            found = error
        except RecursionError:
            found = CelError("evaluation is nested too deeply")
        if run.cost > limit:
            found = CostExceededError()
        return found, run


def planned(checked: Checked, declared: Functions) -> Program:
    """Raises CelError for what cannot be made into a program: constants that cannot be converted, bad patterns."""
    planner = _Planner(checked, declared)
    step = planner.step(checked.tree)
    return Program(step, planner.variables, planner.size, checked)


class _Planner:
    def __init__(self, checked: Checked, declared: Functions) -> None:
        self._checked = checked
        self._overloads = {each.id: each for overloads in declared.values() for each in overloads}
        self._constants: dict[int, Any] = {}
        self._scopes: list[dict[str, int]] = []
        self._lazy: dict[int, Step] = {}
        self._accumulators: set[int] = set()
        self._growing: set[int] = set()
        self.variables: dict[str, int] = {}
        self.size = 0

    def _place(self) -> int:
        self.size += 1
        return self.size - 1

    # -- constants -------------------------------------------------------------------------------

    def _constant(self, node: Node) -> Any:
        """The value that a node always has; ABSENT of one that has to be evaluated."""
        if node.id in self._constants:
            return self._constants[node.id]
        found = self._constants[node.id] = self._folded(node)
        return found

    def _folded(self, node: Node) -> Any:
        match node:
            case Literal():
                return node.value
            case Ident() if node.id in self._checked.constants:
                return values.named(self._checked.constants[node.id])
            case ListOf():
                items = [self._constant(each) for each in node.elements]
                if any(item is ABSENT for item in items):
                    return ABSENT
                return running.list_of(items, node.optional)
            case MapOf():
                pairs = [(self._constant(e.key), self._constant(e.value)) for e in node.entries]
                if any(key is ABSENT or value is ABSENT for key, value in pairs):
                    return ABSENT
                return running.map_of(pairs, [e.optional for e in node.entries])
            case Call() if node.function in CONVERSIONS and len(node.args) == 1 and node.target is None:
                value = self._constant(node.args[0])
                if value is not ABSENT:
                    return self._call_work(node)(Run([], costs.LIMIT_PER_CALL), value)
        return ABSENT

    # -- steps -----------------------------------------------------------------------------------

    def step(self, node: Node) -> Step:
        constant = self._constant(node)
        if constant is not ABSENT:
            return lambda run: constant
        match node:
            case Ident() | Select():
                return self._attribute(node)
            case Call():
                return self._call(node)
            case ListOf():
                return self._list(node)
            case MapOf():
                return self._map(node)
            case Fold():
                return self._bind(node) if node.binds else self._fold(node)
        assert isinstance(node, Message)
        raise CelError(f"unknown type: {node.name}")

    def _is_attribute(self, node: Node) -> bool:
        match node:
            case Ident():
                return node.id not in self._checked.constants
            case Select():
                return True
            case Call():
                return node.function in ("_[_]", "_[?_]", "_?._", "_?_:_")
        return False

    def _attribute(self, node: Node) -> Step:
        """An attribute as a value of its own: looking it up costs one."""
        resolve = self._resolver(node)
        if self._chosen(node):
            return resolve
        if isinstance(node, Select) and node.test:
            return resolve

        def read(run: Run) -> Any:
            run.cost += costs.READ
            return resolve(run)

        return read

    def _chosen(self, node: Node) -> bool:
        """Whether an attribute starts with a choice, whose sides are what is looked up."""
        match node:
            case Select(test=False):
                return self._chosen(node.operand)
            case Call(function="_?_:_"):
                return True
            case Call(function="_[_]" | "_[?_]" | "_?._"):
                return self._chosen(node.args[0])
        return False

    def _resolver(self, node: Node) -> Step:
        """An attribute's value without the cost of looking it up."""
        match node:
            case Ident():
                return self._variable(node.name)
            case Select():
                return self._qualified(node.operand, node.name, test=node.test)
            case Call() if node.function == "_?._":
                assert isinstance(node.args[1], Literal)
                return self._qualified(node.args[0], node.args[1].value, optional=True)
            case Call() if node.function in ("_[_]", "_[?_]"):
                return self._indexed(node)
            case Call():
                return self._conditional(node)
        raise AssertionError("no attribute")

    def _base(self, operand: Node) -> Step:
        """What a qualifier is applied to: an attribute that goes on, or any other value."""
        if self._constant(operand) is ABSENT and self._is_attribute(operand):
            return self._resolver(operand)
        return self.step(operand)

    def _variable(self, name: str) -> Step:
        for scope in reversed(self._scopes):
            if name in scope:
                return self._local(scope[name])
        place = self.variables.get(name)
        if place is None:
            place = self.variables[name] = self._place()

        def read(run: Run) -> Any:
            value = run.places[place]
            if value is ABSENT:
                raise CelError(f"no such attribute(s): {name}")
            return value

        return read

    def _local(self, place: int) -> Step:
        if (start := self._lazy.get(place)) is not None:

            def read_lazily(run: Run) -> Any:
                value = run.places[place]
                if value is ABSENT:
                    value = run.places[place] = start(run)
                return value

            return read_lazily
        if place in self._accumulators:

            def read_verdict(run: Run) -> Any:
                value = run.places[place]
                if isinstance(value, CelError):
                    raise value
                return value

            return read_verdict
        return lambda run: run.places[place]

    def _qualified(self, operand: Node, name: str, *, optional: bool = False, test: bool = False) -> Step:
        base = self._base(operand)
        if test:

            def present(run: Run) -> bool:
                value = base(run)
                run.cost += costs.READ
                return running.has(value, name)

            return present
        if optional or types.is_optional(self._type(operand)):

            def find(run: Run) -> Any:
                return running.maybe(run, base(run), name, text=True)

            return find

        def select(run: Run) -> Any:
            value = base(run)
            run.cost += costs.READ
            if isinstance(value, values.Record):
                found = value.get(name)
            elif isinstance(value, dict):
                found = value.get(name, ABSENT)
            else:
                return running.index(value, name)
            if found is ABSENT:
                raise CelError(f"no such key: {name}")
            return found

        return select

    def _indexed(self, node: Call) -> Step:
        operand, index = node.args
        base = self._base(operand)
        by_attribute = self._constant(index) is ABSENT and self._is_attribute(index)
        at = self._resolver(index) if by_attribute else self.step(index)
        if node.function == "_[?_]" or types.is_optional(self._type(operand)):

            def find(run: Run) -> Any:
                value = base(run)
                return running.maybe(run, value, at(run))

            return find

        def get(run: Run) -> Any:
            value = base(run)
            key = at(run)
            run.cost += costs.READ
            return running.index(value, key)

        return get

    def _conditional(self, node: Call) -> Step:
        condition = self.step(node.args[0])
        truthy, falsy = (
            self._resolver(arg) if self._constant(arg) is ABSENT and self._is_attribute(arg) else self.step(arg)
            for arg in node.args[1:]
        )

        def choose(run: Run) -> Any:
            verdict = condition(run)
            if verdict is True:
                return truthy(run)
            if verdict is False:
                return falsy(run)
            raise CelError(NO_OVERLOAD)

        return choose

    def _type(self, node: Node) -> types.Type:
        return self._checked.types.get(node.id, types.DYN)

    # -- lists and maps --------------------------------------------------------------------------

    def _list(self, node: ListOf) -> Step:
        steps = [self.step(each) for each in node.elements]
        optional = node.optional

        def make(run: Run) -> list[Any]:
            try:
                items = [step(run) for step in steps]
            finally:
                run.cost += costs.NEW_LIST
            return running.list_of(items, optional) if optional else items

        return make

    def _map(self, node: MapOf) -> Step:
        steps = [(self.step(e.key), self.step(e.value)) for e in node.entries]
        optional = [e.optional for e in node.entries]

        def make(run: Run) -> dict[Any, Any]:
            try:
                pairs = [(key(run), value(run)) for key, value in steps]
            finally:
                run.cost += costs.NEW_MAP
            return running.map_of(pairs, optional)

        return make

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, node: Call) -> Step:
        match node.function:
            case "_&&_":
                return decided(self.step(node.args[0]), self.step(node.args[1]), False)
            case "_||_":
                return decided(self.step(node.args[0]), self.step(node.args[1]), True)
            case "_?_:_" | "_[_]" | "_[?_]" | "_?._":
                return self._attribute(node)
            case "_==_":
                return equality(self.step(node.args[0]), self.step(node.args[1]), True)
            case "_!=_":
                return equality(self.step(node.args[0]), self.step(node.args[1]), False)
            case "or" | "orValue":
                return self._or(node)
            case "@in" if (items := self._constant(node.args[1])) is not ABSENT and isinstance(items, list):
                if (known := running.membership(items)) is not None:
                    return self._member(node, known)
            case "_+_" if (grown := self._grown(node)) is not None:
                return grown
        return self._plain(node)

    def _or(self, node: Call) -> Step:
        assert node.target is not None
        left, right = self.step(node.target), self.step(node.args[0])
        unwraps = node.function == "orValue"

        def first(run: Run) -> Any:
            value = left(run)
            if not isinstance(value, Optional):
                raise CelError(NO_OVERLOAD)
            if not value.present:
                return right(run)
            return value.value if unwraps else value

        return first

    def _member(self, node: Call, known: frozenset[Any]) -> Step:
        item = self.step(node.args[0])
        if not known:
            return lambda run: False

        def test(run: Run) -> bool:
            value = item(run)
            try:
                return running.key_of(value) in known
            except TypeError:
                return False

        return test

    def _grown(self, node: Call) -> Step | None:
        """Adding an item to a list that a loop is building: that list has no other reader yet."""
        left, right = node.args
        if not (isinstance(left, Ident) and isinstance(right, ListOf) and len(right.elements) == 1):
            return None
        place = next((scope[left.name] for scope in reversed(self._scopes) if left.name in scope), -1)
        if place not in self._growing or right.optional:
            return None
        item = self.step(right.elements[0])
        spent = costs.READ + 1 + (costs.NEW_LIST if self._constant(right) is ABSENT else 0)

        def grow(run: Run) -> Any:
            items = run.places[place]
            run.charge(spent)
            if isinstance(items, CelError):
                or_failed(item, run)
                raise items
            items.append(item(run))
            return items

        return grow

    def _plain(self, node: Call) -> Step:
        steps = [self.step(each) for each in node.operands]
        work = self._call_work(node)
        overloads = self._checked.overloads[node.id]
        charge = charges.charge_of(node.function, overloads[0] if len(overloads) == 1 else "")
        known = [self._overloads[each] for each in overloads]
        self._check_pattern(node)

        def explained(error: Exception, *given: Any) -> Exception:
            return guards.misfit(node.function, known, given) or error

        if charge is None and len(steps) == 1:
            only = steps[0]

            def unary(run: Run) -> Any:
                try:
                    value = only(run)
                finally:
                    run.charge(1)
                try:
                    return work(run, value)
                except UNEXPECTED as error:
                    raise explained(error, value) from None

            return unary
        if charge is None and len(steps) == 2:
            left, right = steps

            def binary(run: Run) -> Any:
                try:
                    one = left(run)
                except CelError:
                    or_failed(right, run)
                    run.charge(1)
                    raise
                try:
                    other = right(run)
                finally:
                    run.charge(1)
                try:
                    return work(run, one, other)
                except UNEXPECTED as error:
                    raise explained(error, one, other) from None

            return binary

        strict = len(steps) > 2

        def call(run: Run) -> Any:
            given = []
            problem: CelError | None = None
            for step in steps:
                try:
                    given.append(step(run))
                except CelError as error:
                    if strict:
                        raise
                    problem = problem or error
                    given.append(FAILED)
            run.charge(1 if charge is None else charge(run, *given))
            if problem is not None:
                raise problem
            try:
                return work(run, *given)
            except UNEXPECTED as error:
                raise explained(error, *given) from None

        return call

    def _call_work(self, node: Call) -> Callable[..., Any]:
        """What does a call's work, after a look at the types of what it is given where those are not known."""
        overloads = self._checked.overloads[node.id]
        work: Callable[..., Any] = functions.table().get(
            overloads[0] if node.function == "sum" else node.function, guards.no_overload
        )
        if not any(self._type(each).kind in ("dyn", "error") for each in node.operands):
            return work
        return guards.guarded(node.function, work, [self._overloads[each] for each in overloads])

    def _check_pattern(self, node: Call) -> None:
        """A pattern that is written out must be one."""
        if node.function in ("matches", "find", "findAll") and len(node.operands) > 1:
            pattern = self._constant(node.operands[1])
            if isinstance(pattern, str) and (problem := patterns.problem(pattern)):
                raise CelError(problem)

    # -- comprehensions --------------------------------------------------------------------------

    def _bind(self, node: Fold) -> Step:
        place = self._place()
        self._lazy[place] = self.step(node.start)
        self._scopes.append({node.accumulator: place})
        result = self.step(node.result)
        self._scopes.pop()

        def bind(run: Run) -> Any:
            run.places[place] = ABSENT
            return result(run)

        return bind

    def _fold(self, node: Fold) -> Step:
        over = self.step(node.over)
        start = self._constant(node.start)
        first = self.step(node.start)
        accumulator, one = self._place(), self._place()
        names = {node.variable: one}
        two = -1
        if node.variable2:
            two = names[node.variable2] = self._place()
        self._accumulators.add(accumulator)
        if isinstance(start, list):
            self._growing.add(accumulator)
        self._scopes += [{node.accumulator: accumulator}, names]
        predicate, decisive = _predicate(node)
        body = self.step(predicate)
        self._scopes.pop()
        result = self.step(node.result)
        self._scopes.pop()
        fresh: type[list[Any]] | type[dict[Any, Any]] | None = type(start) if isinstance(start, list | dict) else None
        rounds = (
            building(accumulator, one, two, body)
            if decisive is None
            else deciding(accumulator, one, two, body, decisive)
        )

        def fold(run: Run) -> Any:
            items = running.pairs(over(run), two=two >= 0)
            run.places[accumulator] = first(run) if fresh is None else fresh(start)
            rounds(run, items)
            return result(run)

        return fold


def _predicate(node: Fold) -> tuple[Node, bool | None]:
    """What a round of a loop evaluates: of all() and exists() the predicate alone, with the verdict that ends them."""
    step = node.step
    if isinstance(step, Call) and step.function in ("_&&_", "_||_"):
        verdict, predicate = step.args
        if isinstance(verdict, Ident) and verdict.name == node.accumulator:
            return predicate, step.function == "_||_"
    return step, None
