"""Rows of an evaluation for a terminal and for LaTeX."""

from chatdesc.evaluation.tables import latex, shown

ROWS = [
    {"tracker": "a_1", "protocol": "lasot", "AUC": 0.5, "P20": 0.25, "P": 0.25, "notes": ("x",)},
    {"tracker": "b&c", "protocol": "lasot", "AUC": 0.75, "P20": None, "P": None, "notes": ()},
]


def test_latex():
    lines = latex(ROWS, "50 % of x").splitlines()
    assert lines[2:7] == [
        r"\caption{50 \% of x}",
        r"\begin{tabular}{llrr}",
        r"\hline",
        r"tracker & protocol & AUC & P20 \\",  # P says nothing that P20 does not
        r"\hline",
    ]
    assert lines[7] == r"a\_1 & lasot & 50.00 & \textbf{25.00} \\"
    assert lines[8] == r"b\&c & lasot & \textbf{75.00} & - \\"
    assert "textbf" not in latex(ROWS[:1])


def test_what_latex_takes_as_its_own_is_escaped():
    row = ROWS[0]
    assert r"a\textbar{}\textless{}\textgreater{}\{\$\textasciicircum{}\textasciitilde{}\textbackslash{}\} &" in latex(
        [row | {"tracker": "a|<>{$^~\\}"}]
    )


def test_latex_compares_trackers_under_one_protocol_only():
    common = ROWS[0] | {"P20": None, "P": None}
    mine = [common | {"protocol": name, "AUC": value} for name, value in (("lasot", 0.5), ("otb", 0.9))]
    assert "textbf" not in latex(mine)
    theirs = [
        common | {"protocol": name, "AUC": value, "tracker": "b"} for name, value in (("lasot", 0.6), ("otb", 1.0))
    ]
    bold = [line.partition("textbf{")[2][:5] for line in latex([*mine, *theirs]).splitlines() if " & " in line]
    assert bold == ["", "", "", "60.00", "100.0"]


def test_a_narrow_terminal_shows_fewer_columns():
    measures = dict.fromkeys(("AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75", "P", "PNorm"), 0.5)
    names = ("pysot-toolkit", "trackingnet")
    rows = [{"tracker": "STARK_ST101", "protocol": n, "sequences": "280/280", **measures, "notes": ""} for n in names]
    wide, usual = (list(shown(rows, width)[0]) for width in (120, 80))
    assert wide == ["tracker", "protocol", "seqs", "AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75", "P"]
    assert usual == ["tracker", "protocol", "seqs", "AUC", "P20", "PNorm20", "PNormAUC", "P"]
    assert list(shown(rows[:1], 20)[0]) == ["tracker", "seqs", "AUC", "P20", "PNorm20"]
    assert shown([], 80) == []
