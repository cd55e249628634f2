/**
 * Lets equal questions share an answer, as long as nobody is given one that was asked for before he came: whoever comes
 * while a question is under way shares the next one, which is sent when that has its answer. No timer, no staleness.
 * @param key equal for equal questions
 */
export function shareUnsent<Answer>(): (key: string, ask: () => Promise<Answer>) => Promise<Answer> {
  const unsent = new Map<string, Promise<Answer>>();
  const underWay = new Map<string, Promise<Answer>>();

  return (key, ask) => {
    const known = unsent.get(key);
    if (known !== undefined) return known;
    const send = (): Promise<Answer> => {
      unsent.delete(key);
      const asked = ask();
      underWay.set(key, asked);
      const done = () => {
        if (underWay.get(key) === asked) underWay.delete(key);
      };
      asked.then(done, done);
      return asked;
    };
    const before = underWay.get(key) ?? new Promise<void>((resolve) => setImmediate(resolve));
    const answer = before.then(send, send);
    unsent.set(key, answer);
    return answer;
  };
}
