// The theme: as the system has it, light, or dark. A classic script in the head, so that nothing flashes.
(() => {
  const names = ["auto", "light", "dark"];
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("outrider-theme") || "auto";
    } catch {
      return "auto";
    }
  };
  const apply = (/** @type {string} */ name) => {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
  };
  apply(kept());
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = () => {
      button.title = `Theme: ${kept()}`;
      button.setAttribute("aria-label", `Theme: ${kept()}. Change it`);
    };
    label();
    button.addEventListener("click", () => {
      const next = names[(names.indexOf(kept()) + 1) % names.length] || "auto";
      try {
        localStorage.setItem("outrider-theme", next);
      } catch {
        // a browser that keeps nothing: the theme lasts as long as the page
      }
      apply(next);
      label();
      dispatchEvent(new Event("themechange"));
    });
  });
})();
