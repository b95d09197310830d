// Search in pages that were opened from a folder: a browser starts no worker there, so the worker's program runs in a
// hidden frame. Written for this site; its name keeps the generator from loading another one from another host.
if (location.protocol === 'file:') {
  window.Worker = class {
    constructor(address) {
      this.frame = document.createElement('iframe');
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const inside = (this.inside = this.frame.contentWindow);
      inside.postMessage = (data) => this.pass(data, this);
      const program = inside.document.createElement('script');
      program.src = new URL(address, document.baseURI);
      this.started = new Promise((loaded) => (program.onload = loaded));
      inside.document.head.append(program);
    }
    postMessage(data) {
      this.started.then(() => this.pass(data, this.inside));
    }
    pass(data, to) {
      const copy = structuredClone(data); // as between threads: neither side changes what the other holds
      setTimeout(() => to.onmessage?.({ data: copy }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
