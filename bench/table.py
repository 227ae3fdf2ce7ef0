"""The figures as a table and as JSON."""

import json
import statistics

SERVERS = ("dovecot", "maildock")


def number(value):
    if value is None:
        return "-"
    for least, digits in ((1000, 0), (100, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


class Figures:
    """What was measured: samples for each row and server, failures, floors."""

    def __init__(self, rows):
        self.rows = rows                # {name: measure.Row}
        self.samples = {}               # {(row, server): [Sample]}
        self.failures = {}              # {row: [text]}
        self.floors = {}                # {floor: [value]}

    def add(self, row, server, sample):
        self.samples.setdefault((row, server), []).append(sample)

    def fail(self, row, text):
        self.failures.setdefault(row, []).append(text)

    def compare_answers(self):
        """Fails the rows to which the servers, or one server in two rounds, gave different answers."""
        for row in self.rows:
            answers = {server: sorted({repr(sample.answer) for sample in self.samples.get((row, server), [])})
                       for server in SERVERS}
            if all(answers.values()) and len(set().union(*answers.values())) > 1:
                self.fail(row, "unequal answers: " + "; ".join(f"{server} {' or '.join(found)}"
                                                               for server, found in answers.items()))
            for server, found in answers.items():
                if not found and not self.failures.get(row):
                    self.fail(row, f"{server} was not measured")

    def median(self, row, server):
        values = [sample.value for sample in self.samples.get((row, server), [])]
        return statistics.median(values) if values else None

    def text(self, row, server):
        return next((sample.text for sample in self.samples.get((row, server), []) if sample.text), "")

    def ratio(self, row):
        """How many times better Maildock is than Dovecot; below 1: worse."""
        dovecot, maildock = (self.median(row, server) for server in SERVERS)
        if not dovecot or not maildock:
            return None
        return maildock / dovecot if self.rows[row].higher else dovecot / maildock

    def floor(self, row):
        values = self.floors.get(self.rows[row].floor)
        return statistics.median(values) if values else None

    def cpu(self, row, server):
        values = [sample.cpu for sample in self.samples.get((row, server), [])]
        return statistics.median(values) if values else 0.0

    # - output

    def lines(self):
        table = [("row", "unit", "Dovecot", "Maildock", "ratio", "floor", "cpu s D", "cpu s M")]
        for row, what in self.rows.items():
            if row in self.failures:
                table.append((row, what.unit, "FAILED", "", "", "", "", ""))
                continue
            if self.text(row, "dovecot") or self.text(row, "maildock"):
                table.append((row, what.unit, self.text(row, "dovecot"), self.text(row, "maildock"), "", "", "", ""))
                continue
            client_bound = any(sample.own > 0.6 for server in SERVERS for sample in self.samples.get((row, server), []))
            ratio = self.ratio(row)
            table.append((row, what.unit, number(self.median(row, "dovecot")), number(self.median(row, "maildock")),
                          (number(ratio) if ratio else "-") + (" c" if client_bound else ""), number(self.floor(row)),
                          *(number(self.cpu(row, server)) if self.cpu(row, server) else "-" for server in SERVERS)))
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        for line in table:
            yield "  ".join(text.ljust(width) if column < 2 else text.rjust(width)
                            for column, (text, width) in enumerate(zip(line, widths))).rstrip()
        for row, texts in self.failures.items():
            for text in texts:
                yield f"FAILED {row}: {text}"

    def save(self, path, head):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**head, "floors": self.floors, "rows": {row: {
                "unit": what.unit, "higherIsBetter": what.higher, "floor": self.floor(row), "ratio": self.ratio(row),
                "failed": self.failures.get(row, []),
                **{server: [{"value": s.value, "cpuSeconds": s.cpu, "clientShare": s.own, "text": s.text}
                            for s in self.samples.get((row, server), [])] for server in SERVERS},
            } for row, what in self.rows.items()}}, file, indent=1)
            file.write("\n")
