"""Folders of SKILL.md files for tests."""

import json

BREAD = """# Sourdough

## When to use
- "my starter smells of acetone"
- The loaf came out flat

## When not to use
- Cakes and biscuits: `pastry`

## Method
Knead, rest, shape; then use `pastry` for the dessert.
"""
SKILLS = {
    "kitchen/skills/sourdough": ("Bake bread with wild yeast. Use when dough won't rise.", BREAD),
    "kitchen/skills/pastry": (
        "Bake cakes, tarts and biscuits with butter and sugar.",
        "# Pastry\n\n## When to use\n- Puff pastry or short crust\n- Fruit tarts, apple pie\n",
    ),
    "garage/skills/car-brakes": (
        "Repair the brakes of a car: pads, discs, fluid. For tyres, see wheel-change.",
        "# Brakes\n\n| sign | cause |\n|---|---|\n| pedal feels soft | air in the line |\n"
        "| noise when braking | worn pads |\n",
    ),
    "garage/skills/wheel-change": (
        "Change wheels and mend flat tyres of a car.",
        "# Wheels\n\n## Symptoms\n- A tyre loses air\n- Puncture on the road\n",
    ),
}


def write_skill(folder, description, body="", name=None):
    folder.mkdir(parents=True, exist_ok=True)
    head = f"---\nname: {name or folder.name}\ndescription: {json.dumps(description)}\n---\n\n"
    (folder / "SKILL.md").write_text(head + body, encoding="utf-8")
    return folder / "SKILL.md"


def write_shop(folder):
    """Write the four skills of a shop."""
    for path, (description, body) in SKILLS.items():
        write_skill(folder / path, description, body)
    return folder
