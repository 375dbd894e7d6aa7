
/* On a plain page: a stand-in for the kernel's model, which keeps the traits and tells who listens. */
{
  const given = __TOLD__;
  const heard = {};
  const bytes = Uint8Array.from(atob(given.packed), (letter) => letter.charCodeAt(0));
  const traits = { ...given.traits, packed: new DataView(bytes.buffer) };
  const model = {
    get: (name) => traits[name],
    set(name, value) {
      traits[name] = value;
      for (const listener of heard[`change:${name}`] || []) listener();
    },
    save_changes() {},
    on: (name, listener) => (heard[name] ||= []).push(listener),
    off() {},
  };
  const place = document.getElementById(given.id);
  place.querySelector("figure").remove();
  theWidget.render({ model, el: place });
}
