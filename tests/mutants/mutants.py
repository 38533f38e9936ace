"""Mistakes that the kernels must not make, each as the change that would make it."""

from __future__ import annotations

from dataclasses import dataclass

_PENDING = "sloengine/processor/kernel/"
_DECODER = "sloengine/otlp/kernel/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `file`; with `new` in its place, a test in `tests` fails."""

    name: str
    file: str
    old: str
    new: str
    tests: str

    def applied(self, text: str) -> str:
        """Return the text of the file with the mistake in it."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.file} has this {text.count(self.old)} times instead of once, "
                f"for the mutant “{self.name}”: {self.old}"
            )
        return text.replace(self.old, self.new)


def _pending(name: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, _PENDING + file, old, new, "tests/processor_kernel")


def _decoder(name: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, _DECODER + file, old, new, "tests/otlp_kernel")


MUTANTS: tuple[Mutant, ...] = (
    _decoder(
        "a field may begin in one request and end in the next",
        "requests.py",
        "            if pos > load_i64(bounds):\n                return UNSURE\n",
        "",
    ),
    _decoder(
        "a field may begin in the last request but one and end in the last",
        "requests.py",
        "    if load_i64(bounds) != end:\n        return UNSURE\n",
        "",
    ),
    _decoder(
        "a length is not held against the message that encloses it",
        "wire.py",
        "    if size > end - begin:\n        return 0, MALFORMED\n    return size, begin",
        "    return size, begin",
    ),
    _decoder(
        "a length may be one byte too long",
        "wire.py",
        "size > end - begin:\n        return 0, MALFORMED",
        "size > end - begin + 1:\n        return 0, MALFORMED",
    ),
    _decoder(
        "a number of eight bytes may end behind its message",
        "wire.py",
        "return pos + 8 if end - pos >= 8 else MALFORMED",
        "return pos + 8",
    ),
    _decoder(
        "an attribute is known whatever its size",
        "known.py",
        "load_i64(known + KNOWN_SIZE) != size or ",
        "load_i64(known + KNOWN_SIZE) < 0 or ",
    ),
    _decoder(
        "the last bytes of a known attribute are not compared",
        "known.py",
        "differing | differing_of_32(pos + last, known + KNOWN_BYTES + last)",
        "differing",
    ),
    _decoder(
        "one byte of a short known attribute is not compared",
        "known.py",
        "((1 << size) - 1)",
        "((1 << (size - 1)) - 1)",
    ),
    _decoder(
        "traces are one that have one half of their ids in common",
        "traces.py",
        " and load_u64(highs + before * 8) == high:",
        ":",
    ),
    _decoder(
        "a place says that a trace was met, whichever it was",
        "traces.py",
        "if met < row and load_u64(lows + met * 8) == low and load_u64(highs + met * 8) == high:",
        "if met < row:",
    ),
    _decoder(
        "a wanted attribute is taken for a known one",
        "spans.py",
        "if status == UNWANTED:",
        "if status >= DONE:",
    ),
    _decoder(
        "a number of a span may end behind its message",
        "spans.py",
        "            if end - pos < 8:\n                return MALFORMED\n"
        "            if tag == 0x39",
        "            if tag == 0x39",
    ),
    _decoder(
        "a varint may have eleven bytes",
        "wire.py",
        "for index in range(10):",
        "for index in range(11):",
    ),
    _decoder(
        "field number zero is taken for a field",
        "wire.py",
        "    if tag < 8:\n        return 0, UNSURE\n",
        "",
    ),
    _decoder(
        "overlong UTF-8 is taken for text",
        "wire.py",
        "            if byte == 0xE0:\n                low = 0xA0",
        "            if byte == 0xE0:\n                low = 0x80",
    ),
    _decoder(
        "the tail of a text is not checked",
        "wire.py",
        "        word = load_u64(last)\n",
        "        word = _ZERO\n",
    ),
    _decoder(
        "a surrogate is taken for text",
        "wire.py",
        "high = 0x9F",
        "high = 0xBF",
    ),
    _decoder(
        "the name of a span may be any bytes",
        "spans.py",
        "            if not is_text(name_at, name_size, limit):\n"
        "                return MALFORMED\n",
        "",
    ),
    _decoder(
        "the key of an attribute nobody reads may be any bytes",
        "attributes.py",
        "if number < 0 and not key_checked and not is_text(key_at, size, limit):",
        "if number < 0 and not key_checked and size < 0:",
    ),
    _decoder(
        "a text value that nobody reads may be any bytes",
        "attributes.py",
        "                if is_text(at, text, limit):\n"
        "                    return STRING, at, text\n"
        "                return MALFORMED, 0, 0",
        "                return STRING, at, text",
    ),
    _decoder(
        "a trace id of zeros is taken",
        "spans.py",
        "trace_size == 16 and (load_i64(trace_at) | load_i64(trace_at + 8)) != 0",
        "trace_size == 16",
    ),
    _decoder(
        "a trace id of which one half is zero is refused",
        "spans.py",
        "(load_i64(trace_at) | load_i64(trace_at + 8)) != 0",
        "load_i64(trace_at) != 0 and load_i64(trace_at + 8) != 0",
    ),
    _decoder(
        "a parent id of any size is taken",
        "spans.py",
        "if not (is_named and (parent_size == 0 or parent_size == 8)):",
        "if not is_named:",
    ),
    _decoder(
        "what a rejected span captured goes to the next one",
        "spans.py",
        "    store_i64(st + REJECTED, rejected + 1)\n    store_i64(st + CAPTURES, captures)\n",
        "    store_i64(st + REJECTED, rejected + 1)\n",
    ),
    _decoder(
        "the status of a span stays for the next one",
        "spans.py",
        "range(STATUS_CODE, TRACE, 8):",
        "range(STATUS_CODE + 16, TRACE, 8):",
    ),
    _decoder(
        "of two attributes with one key the last counts",
        "attributes.py",
        "    if load_i64(seen) == serial:\n        return DONE\n",
        "",
    ),
    _decoder(
        "a resource behind its spans is not found",
        "requests.py",
        "                return status\n        pos = stop\n    classify_plain(",
        "                return status\n            break\n        pos = stop\n    classify_plain(",
    ),
    _decoder(
        "the scope of one group of spans stays for the next",
        "requests.py",
        "    for source in (SCOPE_NAME, SCOPE_VERSION, SCOPE_DROPPED):\n"
        "        set_plain(st, source, 0, 0)\n",
        "",
    ),
    _decoder(
        "two values in one attribute are not merged",
        "attributes.py",
        "            if values > 1:  # they are merged",
        "            if values > 2:  # they are merged",
    ),
    _decoder(
        "combinations are told apart by their tag alone",
        "combos.py",
        "                    same = False\n",
        "                    same = same\n",
    ),
    _decoder(
        "texts are told apart by all but their tail",
        "tables.py",
        "if load_u64(left + index) != load_u64(right + index):",
        "if index == 0 and load_u64(left + index) != load_u64(right + index):",
    ),
    _decoder(
        "numbers are told apart by their tag alone",
        "tables.py",
        "if load_i64(entry + VALUE_WHAT) == what and load_i64(entry + VALUE_A) == key:",
        "if load_i64(entry + VALUE_WHAT) == what:",
    ),
    _decoder(
        "one combination more is entered than the table has room for",
        "combos.py",
        "    if count < load_i64(st + COMBOS_CAP):",
        "    if count <= load_i64(st + COMBOS_CAP):",
    ),
    _decoder(
        "one span more waits for its vector than there is room for",
        "spans.py",
        "    if pending >= load_i64(st + PENDING_CAP):",
        "    if pending > load_i64(st + PENDING_CAP):",
    ),
    _pending(
        "traces are told apart by half of their id",
        "index.py",
        "if get(trace, T_HI) == high and get(trace, T_LO) == low:",
        "if get(trace, T_HI) == high:",
    ),
    _pending(
        "taking a trace out breaks the chain behind it",
        "index.py",
        "if ((place - home) & mask) >= ((place - hole) & mask):",
        "if True:",
    ),
    _pending(
        "while the index grows, a trace taken out stays in the old one",
        "index.py",
        "            put(fading, place, _GONE)\n",
        "            pass\n",
    ),
    _pending(
        "instants are compared as signed numbers",
        "index.py",
        "return (left ^ _LEAST) > (right ^ _LEAST)",
        "return left > right",
    ),
    _pending(
        "the second entry of a trace is forgotten",
        "judging.py",
        "            elif second < 0:\n                second = taker",
        "            elif second < -5:\n                second = taker",
    ),
    _pending(
        "two transactions that take one entry are not weighed",
        "judging.py",
        "    if candidates > 1:\n        for listing",
        "    if candidates > 2:\n        for listing",
    ),
    _pending(
        "the whole trace stands for the spans below an entry",
        "judging.py",
        "is_all = home >= 0 and",
        "is_all = home >= 0 or",
    ),
    _pending(
        "a cycle is not cut",
        "links.py",
        "if index >= 0 and get(marks, index) & _SEEN != 0:",
        "if index >= 0 and get(marks, index) & _SEEN == 1:",
    ),
    _pending(
        "any span is taken for the parent",
        "links.py",
        "if get(ids, 2 * place + 1) == parent_id:",
        "if True:",
    ),
    _pending(
        "the tail of a chain is lost",
        "sets.py",
        "or (is_home and mark & IN_CHAIN != 0)",
        "or False",
    ),
    _pending(
        "the conditions of a span that replaces another are forgotten",
        "adding.py",
        "            kept = get(span, S_META) & (NEXT_MASK << NEXT_AT | FRESH)\n"
        "            put(span, S_META, vector << VECTOR_AT | kept | kind)\n",
        "            kept = get(span, S_META) & (NEXT_MASK << NEXT_AT | FRESH)\n"
        "            put(span, S_META, kept | kind)\n",
    ),
    _pending(
        "of several values the nearest is not preferred",
        "values.py",
        "if nearest < 0 or distance < nearest:",
        "if nearest < 0:",
    ),
    _pending(
        "of values equally near the last is taken",
        "values.py",
        "return above(theirs, mine)",
        "return above(mine, theirs)",
    ),
    _pending(
        "a span of a large trace is not entered",
        "rows.py",
        "    if count > BIG:\n        enter_big(st, row, found)",
        "    if count > BIG + 1:\n        enter_big(st, row, found)",
    ),
    _pending(
        "a batch is let go while a span still needs it",
        "adding.py",
        "    put(live, slot, get(live, slot) + joined)",
        "    put(live, slot, get(live, slot) + joined - 1)",
    ),
    _pending(
        "the spans of a forgotten trace are free twice",
        "rows.py",
        "        add_to(st, CHAINS, 1)\n",
        "        put(get(st, FREE_CHAINS), get(st, CHAINS) + 1, head)\n"
        "        add_to(st, CHAINS, 2)\n",
    ),
    _pending(
        "the oldest frame of a trace is forgotten",
        "adding.py",
        "        put(trace, T_ORIGIN, min(get(trace, T_ORIGIN), position))",
        "        pass",
    ),
    _pending(
        "a span that replaces another counts as new",
        "adding.py",
        "            kept = get(span, S_META) & (NEXT_MASK << NEXT_AT | FRESH)",
        "            kept = get(span, S_META) & (NEXT_MASK << NEXT_AT) | FRESH",
    ),
    _pending(
        "a trace that was judged is not due earlier again",
        "adding.py",
        "    if deadline < get(get(st, DUE), row):",
        "    if False:",
    ),
    _pending(
        "a trace is closed before its time",
        "ending.py",
        "        if deadline > now:",
        "        if deadline > now + 10**9:",
    ),
    _pending(
        "spans of a large trace are told apart by their tag alone",
        "index.py",
        "                get(span, S_ID) == span_id\n                and get(",
        "                get(",
    ),
    _pending(
        "a place that was emptied is taken for a trace",
        "index.py",
        "        if (entry >> 32) & LOW == tag and entry != _GONE:\n            trace =",
        "        if (entry >> 32) & LOW == tag:\n            trace =",
    ),
    _pending(
        "what is below an orphan is other traffic",
        "judging.py",
        "mark |= get(marks, parent) & (IN_CHAIN | UNDER)",
        "mark |= get(marks, parent) & UNDER",
    ),
    _pending(
        "an outcome that cannot be known is passed over",
        "judging.py",
        "        if truth == UNKNOWN_TRUTH:\n            return",
        "        if False:\n            return",
    ),
    _pending(
        "spans that joined before a tie are not counted",
        "adding.py",
        "            _count_joined(st, joined)\n            return index, TIED",
        "            return index, TIED",
    ),
    _pending(
        "facts of one trace are written beyond their room",
        "judging.py",
        "        if get(work, W_FACTS_USED) + count > get(work, W_FACTS_SIZE):",
        "        if get(work, W_FACTS_USED) > get(work, W_FACTS_SIZE):",
    ),
    _pending(
        "one captured value more is listed than there is room for",
        "values.py",
        "            if used == size:",
        "            if used > size:",
    ),
)
