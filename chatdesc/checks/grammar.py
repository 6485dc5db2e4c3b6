"""Grammar that short descriptions get wrong: words said twice, articles, number, agreement, verb forms.

Each rule looks at a few neighbouring words. A word counts as plural, say, only where it can be nothing else there.
"""

from __future__ import annotations

from chatdesc.checks import number_rules, phrase_rules
from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import LanguageCheck
from chatdesc.checks.faults import Fault

RULES = (*phrase_rules.RULES, *number_rules.RULES)


class GrammarCheck(LanguageCheck):
    """Finds faults of grammar by rules over neighbouring words."""

    name = "grammar"
    kinds: tuple[str, ...] = ("grammar",)

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per fault."""
        reading = self._corpus.read(subject)
        faults: dict[tuple[int, int], Fault] = {}
        for rule in RULES:
            for fault in rule(reading):
                faults.setdefault((fault.first, fault.last), fault)
        return [
            Finding(self.name, "grammar", fault.severity, fault.reason, reading.span(*place), fault.suggestion)
            for place, fault in sorted(faults.items())
        ]
