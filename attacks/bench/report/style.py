"""The look of a report: light, dark, narrow and on paper. Contrasts are WCAG 2.2 AA or better."""

STYLE = (
    """
:root{color-scheme:light dark;--page:#fff;--ink:#1a1c1f;--soft:#565b63;--rule:#d5d8dd;
--tint:#f4f5f7;--link:#0b57a4;--c0:#0072b2;--c1:#c24f00;--c2:#00785a;--c3:#a8467e;--c4:#806000;--c5:#5b4bb5;
--c6:#444}
@media(prefers-color-scheme:dark){:root{--page:#14161a;--ink:#e8eaed;--soft:#a9afb8;--rule:#3a3f47;
--tint:#1e2127;--link:#8ab8f0;--c0:#56b4e9;--c1:#ff9a4d;--c2:#3fcfa0;--c3:#e79cc6;--c4:#e6c34d;
--c5:#b3a6ff;--c6:#ccc}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:72rem;
background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
overflow-wrap:break-word}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p,ul{max-width:46rem}a{color:var(--link)}small,caption,figcaption,.soft{color:var(--soft)}
nav{margin:1rem 0;font-size:.9375rem}nav p{margin:.4rem 0;max-width:none}
nav a{margin-left:.9rem;display:inline-block}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));
gap:.75rem;margin:1.25rem 0}
.facts div{background:var(--tint);border-radius:6px;padding:.6rem .8rem}
.facts dt{color:var(--soft);font-size:.8125rem}
.facts dd{margin:0;font-size:1.375rem;font-weight:600}
.scroll{overflow-x:auto;margin:.75rem 0}.scroll:focus-visible{outline:2px solid var(--link)}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;
min-width:50%}
caption{text-align:left;padding:0 0 .5rem;max-width:46rem}
th,td{padding:.35rem .5rem;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:600}th[scope=row],th[scope=rowgroup],th:first-child,td.left{text-align:left}
td{white-space:nowrap}td.left{white-space:normal;min-width:5rem}
th[scope=row]{position:sticky;left:0;background:var(--page);max-width:14rem}
thead th{border-bottom:2px solid var(--soft);vertical-align:bottom}
.heat td{text-align:center;min-width:7.5rem;border:2px solid var(--page)}
.heat td small{display:block;color:inherit;font-size:.75rem;white-space:nowrap}
.heat thead th:not(:first-child){text-align:center}
.heat td.none{color:var(--soft);background:var(--tint)}
.heat .family{font-size:.75rem;color:var(--soft);letter-spacing:.04em;padding-top:.9rem}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1.25rem 1rem}
figure{margin:0}figcaption{font-size:.875rem}figcaption b{color:var(--ink)}
svg{max-width:100%;height:auto;display:block}svg text{font-size:10.5px;fill:var(--soft)}
.legend svg{display:inline-block;vertical-align:middle;margin-right:.4rem}
.panels svg{width:100%}.plane{width:34rem}.plane text{font-size:12px}
.plane .name{fill:var(--ink);stroke:var(--page);stroke-width:4px;paint-order:stroke}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.875rem}
.grid{stroke:var(--rule);fill:none}.line{fill:none;stroke-width:1.75}.band{opacity:.14;stroke:none}
.dot{stroke:var(--page);stroke-width:.75}
"""
    + "".join(
        f".line.c{n}{{stroke:var(--c{n})}}.band.c{n},.dot.c{n}{{fill:var(--c{n})}}\n"
        for n in range(7)
    )
    + """
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.75rem}
.gallery img{width:100%;height:auto;display:block;border-radius:4px;background:var(--tint)}
.leftmost th,.leftmost td{text-align:left}
summary{cursor:pointer;color:var(--link);margin:.75rem 0}
@media(max-width:30rem){body{padding:1rem .875rem 3rem}h1{font-size:1.4rem}
.heat td{min-width:6.25rem;padding:.3rem}}
@media print{:root{color-scheme:light}body{max-width:none;font-size:11px;padding:0}nav{display:none}
.scroll{overflow:visible}figure,tr{break-inside:avoid}h2,h3{break-after:avoid}
.heat td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
)
