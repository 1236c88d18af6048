// Light or dark as the viewer has chosen, before anything is painted. A classic script: modules come later.
"use strict";
{
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const root = document.documentElement;

  const kept = () => {
    try {
      const theme = localStorage.getItem("sampler.theme");
      return theme in NEXT ? theme : "auto";
    } catch {
      return "auto"; // a browser may forbid storage
    }
  };

  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
    window.dispatchEvent(new Event("themechange"));
  };

  let theme = kept();
  show(theme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(theme));
  document.addEventListener("DOMContentLoaded", () => {
    show(theme);
    document.getElementById("theme").addEventListener("click", () => {
      theme = NEXT[theme];
      try {
        localStorage.setItem("sampler.theme", theme);
      } catch {
        // it then lasts until the page is loaded again
      }
      show(theme);
    });
  });
}
