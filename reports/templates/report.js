(() => {
  const d = document, all = (s) => [...d.querySelectorAll(s)];
  const reveal = () => {
    const t = d.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let e = t; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (t) t.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details.more:not([open])"); closed.forEach((e) => { e.open = true; }); });
  addEventListener("afterprint", () => closed.forEach((e) => { e.open = false; }));
  const box = d.getElementById("search"), told = d.getElementById("found"), cards = all("details.finding");
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    const q = box.value.trim().toLowerCase();
    cards.forEach((c) => { c.hidden = !c.textContent.toLowerCase().includes(q); });
    all("details.more").forEach((m) => { if (q) m.open = true; });
    told.textContent = q ? cards.filter((c) => !c.hidden).length + " of " + cards.length : "";
  });
})();
