"""Whether the report's arithmetic is right: python3 -m unittest discover benches/report"""

import tempfile
import unittest

from cells import GET, all_cells, matrix, quick_cells
from clients import taken
from costs import called
from figures import Spread, ratio, slower, spread, times_better
from page import bar_width, page
from readme import BEGIN, END, short_table, write_readme
from terminal import number


class Figures(unittest.TestCase):
    def test_the_median_is_in_the_middle_whatever_the_order(self):
        self.assertEqual(spread([3, 1, 2]), Spread(2, 1, 3))
        self.assertEqual(spread([4, 1, 3, 2]).median, 2.5)
        self.assertEqual(spread([7]), Spread(7, 7, 7))

    def test_one_wild_run_of_many_is_outside_of_the_spread(self):
        self.assertEqual(spread([1, 1000, 2, 3, 4]), Spread(3, 2, 4))

    def test_no_run_is_no_figure(self):
        with self.assertRaises(ValueError):
            spread([])

    def test_above_one_is_better_for_us_both_ways(self):
        self.assertEqual(times_better(200, 100, True), 2)
        self.assertEqual(times_better(200, 100, False), 0.5)
        self.assertEqual(times_better(50, 100, False), 2)

    def test_nothing_beside_nothing_is_no_difference(self):
        self.assertEqual(times_better(0, 0, False), 1)
        self.assertEqual(times_better(0, 5, False), float("inf"))

    def test_pairs_are_compared_and_not_medians(self):
        # The machine was ten times slower in the second turn, for both.
        self.assertEqual(ratio([100, 10, 100], [50, 5, 50], True), Spread(2, 2, 2))
        with self.assertRaises(ValueError):
            ratio([1, 2], [1], True)

    def test_where_a_peer_is_better_comes_the_worst_first_and_the_floor_is_no_peer(self):
        at = lambda ops, cpu: {"ops": Spread(ops, ops, ops), "cpu": Spread(cpu, cpu, cpu)}
        cells = [{"name": "a", "ratios": {"x": at(0.9, 1.5), "bare": at(0.1, 0.1)}}, {"name": "b", "ratios": {"x": at(1.2, 0.5)}}]
        self.assertEqual([(cell["name"], measure) for _, cell, _, measure in slower(cells)], [("b", "cpu"), ("a", "ops")])

    def test_what_may_be_noise_comes_after_what_is_none(self):
        wide, narrow = Spread(0.5, 0.4, 1.1), Spread(0.9, 0.8, 0.95)
        cells = [{"name": "a", "ratios": {"x": {"ops": wide}}}, {"name": "b", "ratios": {"x": {"ops": narrow}}}]
        self.assertEqual([cell["name"] for _, cell, _, _ in slower(cells)], ["b", "a"])


def report_of(**ratios):
    """A report in which hiredis has this ratio of throughput, and of processor time, in each cell."""
    cell = lambda name, one: {"name": name, "axis": "x", "clients": {}, "ratios": {"hiredis": {"ops": one, "cpu": one}}}
    cells = [cell(name, Spread(one, one, one)) for name, one in ratios.items()]
    about = {"made": "2026-01-02 03:04", "machine": {"processor": "one"}, "versions": {"hiredis": "1"}, "absent": {}}
    return {**about, "cells": cells, "stress": [], "costs": []}


class Table(unittest.TestCase):
    def test_the_rows_where_a_peer_is_faster_come_first_and_the_worst_on_top(self):
        rows = short_table(report_of(GET=1.5, SET=0.9)).splitlines()[2:4]
        self.assertEqual(rows, ["| SET | 0.90, cpu 0.90 |", "| GET | 1.50, cpu 1.50 |"])

    def test_it_is_written_between_its_marks_and_nowhere_else(self):
        with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as file:
            file.write(f"before\n{BEGIN}\nold\n{END}\nafter\n")
            file.flush()
            write_readme(report_of(GET=2), file.name)
            file.seek(0)
            text = file.read()
        self.assertTrue(text.startswith(f"before\n{BEGIN}\n| times better than | hiredis |\n"))
        self.assertTrue(text.endswith(f"{END}\nafter\n"))
        self.assertNotIn("old", text)


class Cells(unittest.TestCase):
    def test_the_quick_ones_are_few_and_each_is_one_step_from_the_centre(self):
        cells = quick_cells()
        self.assertLessEqual(len(cells), 60)
        self.assertEqual(len({cell.name for cell in cells}), len(cells))
        for cell in cells:
            differs = [cell.command[0] != "GET", cell.bytes != 64, cell.threads != 1, cell.pipeline != 1, cell.over != "tcp"]
            self.assertLessEqual(sum(differs), 1, cell.name)
        self.assertEqual({cell.threads for cell in cells}, {1, 4, 16, 64, 256})

    def test_the_matrix_has_the_quick_ones_too(self):
        names = {cell.name for cell in matrix()}
        self.assertTrue({cell.name for cell in quick_cells()} <= names)
        self.assertEqual(all_cells(True), matrix())

    def test_a_cell_says_what_is_sent_before_it(self):
        self.assertEqual(GET.words(), ["SET", "bench:key", "@64", ",", "GET", "bench:key"])


class Reading(unittest.TestCase):
    def test_a_line_of_a_client_is_one_figure_for_each_measure(self):
        run = taken("1000 2.5 10 20 30 1\n")
        self.assertEqual((run["ops"], run["cpu"], run["p50"], run["p99"], run["p999"]), (1000, 2.5, 10, 20, 30))
        with self.assertRaises(ValueError):
            taken("1000 2.5\n")

    def test_a_row_of_calls_is_ours_and_theirs(self):
        row = called("get tcp 3937 4064 3.00 2.00 1.00 6.00 0.00 0.00 0.93 (0.92 to 0.95)")
        self.assertEqual(row["instructions"], (3937, 4064))
        self.assertEqual(row["page faults"], (0, 0))
        self.assertEqual(row["cpu"], Spread(0.93, 0.92, 0.95))


class Showing(unittest.TestCase):
    def test_a_number_has_as_many_digits_as_it_says_something_with(self):
        self.assertEqual([number(n) for n in (123456, 12.34, 1.234, 0.0123, 0)], ["123 456", "12.3", "1.23", "0.012", "0"])

    def test_bars_are_as_long_as_what_they_stand_for(self):
        self.assertEqual(bar_width(50, 100, 200), 100)
        self.assertEqual(bar_width(0, 100, 200), 0)
        self.assertEqual(bar_width(5, 0, 200), 0)

    def test_the_page_needs_nothing_from_elsewhere_and_takes_no_text_for_markup(self):
        report = {"made": "<now>", "machine": {"cpu": "a & b"}, "versions": {}, "absent": {"x": "not here"}, "cells": [], "costs": [], "stress": []}
        text = page(report)
        self.assertIn("&lt;now&gt;", text)
        self.assertIn("a &amp; b", text)
        self.assertNotIn("http", text.replace("http://www.w3.org", ""))
        self.assertIn('name="viewport"', text)


if __name__ == "__main__":
    unittest.main()
