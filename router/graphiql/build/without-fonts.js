/**
 * Takes the fonts out of GraphiQL's style sheet, which carries them as base64: 350 kB of a page
 * that reads as well in the fonts of the reader's system.
 */
export function withoutFonts() {
  return {
    name: 'without-fonts',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/graphiql/dist/style.css')) return null;
      const lean = code.replaceAll(/@font-face\s*\{[^}]*\}/g, '');
      if (lean === code) this.error('GraphiQL no longer carries fonts in its style sheet: drop this plugin');
      return { code: lean, map: null };
    },
  };
}
