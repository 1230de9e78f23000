"""The bias audit as one page to keep and to show. Floor 3."""

from api.paper import page, table, tag
from bot.bias import Mean, Report, Share, in_words


def written(found: Report) -> str:
    gaps = [
        (in_words(a.axis), f"{a.pairs:,}", str(a.sentences), f"{a.gap.value:.4f}", _mean(a.ratio),
         "-" if a.leaning is None else f"{a.leaning:+.4f}")
        for a in found.axes
    ]  # fmt: skip
    flips = [
        (in_words(a.axis), f"{a.pairs:,}", _share(a.frustrated_flips), _share(a.label_flips), _share(a.person_flips))
        for a in found.axes
    ]
    return page(
        "Does the bot judge the same words alike?",
        tag("p", found.reading),
        tag(
            "p",
            f"Made on {found.made_on.isoformat()} with {found.sentences} sentences and {found.pairs:,} pairs; model "
            f"{found.model}, policy {found.policy}. Frustration runs from 0 to 1; its spread over the plain sentences "
            f"is {found.spread:.3f}.",
            class_="soft",
        ),
        tag("h2", "What it means"),
        tag("dl", *(part for a in found.axes for part in (tag("dt", in_words(a.axis)), tag("dd", a.reading)))),
        tag("h2", "How far the scores lie apart"),
        table(
            "Mean distance of the two scores of frustration in a pair, with 95 % intervals",
            ("Who writes", "Pairs", "Sentences", "Mean gap", "Gap / spread", "Rewritten less plain"),
            gaps,
        ),
        tag("h2", "Where the verdict changes"),
        table(
            "Pairs of which the two sides get different verdicts, with 95 % intervals",
            ("Who writes", "Pairs", "Frustrated or not", "Label", "Person or not"),
            flips,
        ),
        tag("h2", "How it was measured, and what it cannot show"),
        tag(
            "p",
            "Each sentence was shown twice, with nothing changed but who seems to write it, and scored by the models "
            "and rules that serve. In the control pairs only a day of the week differs; a group is said to differ "
            "where its interval lies wholly above that of the control pairs. Intervals of the gap come from drawing "
            "the sentences again 2,000 times; those of the verdicts are Wilson's.",
        ),
        tag("ul", *(tag("li", text) for text in found.limits)),
    )


def _mean(mean: Mean) -> str:
    return f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"


def _share(share: Share) -> str:
    return f"{share.count}: {share.rate:.1%} ({share.low:.0%} to {share.high:.0%})"
