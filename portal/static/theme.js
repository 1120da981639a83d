// Sets the theme before the first paint, and tells the style sheet that scripts run.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = root.dataset.theme;
    root.dataset.bsTheme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  };
  root.classList.remove("no-js");
  dark.addEventListener("change", show);
  show();
})();
