// What a record has itself. Names are people's: a metric may be called `constructor`, which every object has from elsewhere. Pure.

/** @template T @param {Record<string, T> | null | undefined} record @param {string} name @returns {T | undefined} */
export function ownOf(record, name) {
  return record && Object.hasOwn(record, name) ? record[name] : undefined;
}
