// Runs before the page is painted: the theme that was chosen, and that there are scripts.
document.documentElement.classList.add('js');
try {
  const theme = localStorage.getItem('platen.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme it is.
}
