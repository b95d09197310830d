// The published component imports this as an ES module and expects its default export, which it has as a CommonJS one only.

export { Scrollbars as default } from 'react-custom-scrollbars-2/lib/index.js';
