'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const query = $('query'), found = $('found'), contents = $('contents');

  // What can be found: entries by name and by text, and enumerators, each with its own place.
  const entries = [...document.querySelectorAll('.entry')].map(node => ({
    place: node.id, name: node.dataset.name, of: node.dataset.of || '',
    text: [...node.querySelectorAll('p, li, td, th, dt, dd, pre:not(.declared)')].filter(part => part.closest('.entry') === node)
      .map(part => part.textContent).join(' ').replace(/\s+/g, ' '),
  }));
  for (const node of document.querySelectorAll('dt.name')) {
    entries.push({ place: node.id, name: node.id, of: node.dataset.of, text: node.nextElementSibling.textContent });
  }
  for (const entry of entries) {
    entry.low = entry.name.toLowerCase();
    entry.all = (entry.name + ' ' + entry.text).toLowerCase();
  }

  const safe = text => text.replace(/[&<>]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]);
  const lit = (text, words) => {
    const any = words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    return text.split(new RegExp('(' + any + ')', 'gi')).map((part, at) => at % 2 ? '<mark>' + safe(part) + '</mark>' : safe(part)).join('');
  };
  // The whole name first, then where it begins so, then any name, then the text.
  const rank = (entry, words, whole) => {
    if (!words.every(word => entry.all.includes(word))) return 0;
    if (entry.low === whole || entry.low === 'rredis_' + whole) return 5;
    if (entry.low.startsWith(whole) || entry.low.startsWith('rredis_' + whole)) return 4;
    if (words.every(word => entry.low.includes(word))) return 3;
    return words.some(word => entry.low.includes(word)) ? 2 : 1;
  };
  const around = (text, word) => {
    const at = text.toLowerCase().indexOf(word);
    if (at < 0) return text.slice(0, 100);
    const start = Math.max(0, text.lastIndexOf(' ', Math.max(0, at - 40)) + 1);
    return (start ? '… ' : '') + text.slice(start, start + 110);
  };
  let chosen = 0;
  const choose = at => {
    const rows = found.querySelectorAll('a');
    if (!rows.length) return;
    chosen = (at + rows.length) % rows.length;
    rows.forEach((row, index) => row.classList.toggle('chosen', index === chosen));
    rows[chosen].scrollIntoView({ block: 'nearest' });
  };
  const search = () => {
    const whole = query.value.trim().toLowerCase(), words = whole.split(/\s+/).filter(Boolean);
    found.hidden = !words.length;
    contents.hidden = !!words.length;
    if (!words.length) return;
    const hits = entries.map((entry, index) => ({ entry, index, rank: rank(entry, words, whole) })).filter(hit => hit.rank)
      .sort((a, b) => b.rank - a.rank || (b.rank > 2 ? a.entry.name.length - b.entry.name.length : 0) || a.index - b.index);
    found.innerHTML = hits.length ? hits.slice(0, 60).map(({ entry }) => {
      const code = /^r?redis_/i.test(entry.name) ? '' : ' class=words';
      return `<a href="#${entry.place}"><b${code}>${lit(entry.name, words)}</b><small>${safe(entry.of)}${entry.of ? ': ' : ''}${lit(around(entry.text, words[0]), words)}</small></a>`;
    }).join('') : '<p>Nothing is found.</p>';
    choose(0);
  };
  query.addEventListener('input', search);
  query.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown') choose(chosen + 1);
    else if (event.key === 'ArrowUp') choose(chosen - 1);
    else if (event.key === 'Enter') { const row = found.querySelector('a.chosen'); if (row) row.click(); }
    else if (event.key === 'Escape') { query.value = ''; search(); query.blur(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    open(true);
    query.focus();
    query.select();
  });

  // On a narrow screen the side bar is a drawer.
  const open = is => {
    document.body.classList.toggle('open', is);
    $('menu').setAttribute('aria-expanded', is);
  };
  $('menu').addEventListener('click', () => open(!document.body.classList.contains('open')));
  $('veil').addEventListener('click', () => open(false));
  document.addEventListener('keydown', event => { if (event.key === 'Escape') open(false); });
  $('bar').addEventListener('click', event => { if (event.target.closest('a')) open(false); });

  // The place that is read is marked in the side bar, and what holds it is open.
  const rows = new Map([...contents.querySelectorAll('a')].map(row => [row.getAttribute('href').slice(1), row]));
  const places = [...document.querySelectorAll('main [id]')].filter(node => rows.has(node.id) && node.tagName !== 'DT');
  let here = null, due = false;
  const mark = () => {
    due = false;
    let at = places[0];
    for (const place of places) { if (place.getBoundingClientRect().top > 140) break; at = place; }
    const row = at && rows.get(at.id);
    if (!row || row === here) return;
    if (here) here.classList.remove('here');
    here = row;
    row.classList.add('here');
    const own = row.closest('details');
    for (const other of contents.querySelectorAll('details[open]')) if (other !== own && other.dataset.ours) { other.open = false; delete other.dataset.ours; }
    if (own && !own.open) { own.open = true; own.dataset.ours = '1'; }
    if (row.offsetTop < contents.scrollTop + contents.offsetTop || row.offsetTop > contents.scrollTop + contents.offsetTop + contents.clientHeight - 40) {
      contents.scrollTop = row.offsetTop - contents.offsetTop - contents.clientHeight / 3;
    }
  };
  addEventListener('scroll', () => { if (!due) { due = true; requestAnimationFrame(mark); } }, { passive: true });
  // A page of the course that is led to is shown.
  const shown = () => {
    const place = location.hash && $(decodeURIComponent(location.hash.slice(1)));
    const code = place && place.classList.contains('lesson') && place.querySelector('details');
    if (code) code.open = true;
    mark();
  };
  addEventListener('hashchange', shown);
  shown();
})();
