// Runs before the page is painted: the theme that was chosen.
try {
  const theme = JSON.parse(localStorage.getItem('platen.theme'));
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme it is.
}
