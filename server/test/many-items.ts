import type { TestApp } from "./app.ts";

const CATEGORIES = ["kitchen", "office", "outdoor", "sport", "music", "garden", "books", "games", "clothing", "party"];
const ADJECTIVES =
  "steel oak red blue green heavy light folding electric vintage compact large small silent sturdy warm".split(" ");
const THINGS =
  "kettle teapot grinder knife board pan bowl scale lamp chair desk notebook pen keyboard printer tent bag stove bottle torch".split(
    " ",
  );
const USES = "travel camping home work school winter summer children guests beginners experts everyday".split(" ");
const MATERIALS = ["steel", "oak", "glass", "wool", "nylon", "paper", "ceramic", "iron"];
const SYLLABLES = "ka lo mi ne ru ta vo shi ra del fin gor pal ber".split(" ");
const SEED = 20_261_121;
const BATCH = 1_000;

/** Numbers that look random and are the same every time (Lehmer: Park and Miller 1988). */
export function randomNumbers(seed = SEED): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

export type ManyItem = {
  id: number;
  title: string;
  description: string;
  category: string;
  tags: string[];
  price_cents: number;
  stock: number | null;
};

/** So many items, always the same: real words, and made-up brands so that there are as many words as in a real shop. */
export function manyItems(count: number): ManyItem[] {
  const random = randomNumbers();
  const pick = (words: string[]): string => words[random(words.length)] ?? "";
  return Array.from({ length: count }, (_, index) => {
    const brand = pick(SYLLABLES) + pick(SYLLABLES) + pick(SYLLABLES);
    const [adjective, thing, use] = [pick(ADJECTIVES), pick(THINGS), pick(USES)];
    return {
      id: index + 1,
      title: `${brand.slice(0, 1).toUpperCase()}${brand.slice(1)} ${adjective} ${thing}`,
      description: `A ${pick(ADJECTIVES)} ${thing} for ${use}, made of ${pick(MATERIALS)}. Model ${index}.`,
      category: pick(CATEGORIES),
      tags: [...new Set([pick(MATERIALS), use])],
      price_cents: 100 + random(60_000),
      stock: random(10) === 0 ? null : random(4),
    };
  });
}

/** Puts them on the shelves of a shop, without events: what indexes them is up to the caller. */
export async function insertItems(shop: Pick<TestApp, "db">, items: ManyItem[], owner_id: number): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH) {
    const batch = items.slice(start, start + BATCH);
    const rows = batch.map(({ stock, ...item }) => ({ ...item, owner_id, tracked: stock !== null }));
    await shop.db.insertInto("items").values(rows).execute();
    const levels = batch.flatMap(({ id, stock }) => (stock === null ? [] : [{ item_id: id, on_hand: stock }]));
    await shop.db.insertInto("stock_levels").values(levels).execute();
  }
}
