"""The look of a report: light and dark, on a phone, on paper, in forced colours. No script."""

from __future__ import annotations

import base64
import hashlib

from detectors.report.palette import custom_properties

STYLE = (
    custom_properties()
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);overflow-wrap:anywhere;
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.wrap{max-width:64rem;margin:0 auto;padding:0 1.25rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:1rem;z-index:9;padding:.5rem 1rem;
background:var(--card);border:2px solid var(--link);border-radius:8px}
.patterns{position:absolute}.narrow{display:none}
.top{border-bottom:1px solid var(--rule);background:var(--card)}
.top .wrap{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:baseline;
padding-top:.8rem;padding-bottom:.8rem;font-size:.875rem;color:var(--soft)}
.top b{color:var(--ink);font-weight:650;letter-spacing:-.01em}
.top span:last-child{margin-left:auto}
h1,h2,h3,h4{line-height:1.25;margin:0;letter-spacing:-.012em;font-weight:650}
h1{font-size:1.75rem}
.file{padding:2rem 0 1rem}.file p{margin:.35rem 0 0;color:var(--soft);font-size:.9375rem}
.card{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:1.5rem;
margin:0 0 1rem}
.card>:last-child{margin-bottom:0}
.card>h2,.card>h3{font-size:1.125rem;margin:0 0 .25rem}
.card>p.lead{margin:0 0 1rem;color:var(--soft);font-size:.9375rem;max-width:44rem}
p,ul,ol{max-width:46rem}
.verdict{border-left:6px solid var(--tone)}
.verdict .name{display:flex;flex-wrap:wrap;gap:.4rem .75rem;align-items:center;color:var(--tone);
margin:0 0 .35rem;font-size:1.5rem}
.verdict .name svg{width:2rem;height:2rem;flex:none}
.verdict .name .tag{margin-left:auto}
.verdict .means{margin:0 0 .75rem;font-size:1.0625rem}
.verdict ul{margin:.25rem 0 1.25rem;padding-left:1.15rem;color:var(--soft);font-size:.9375rem}
.verdict li{margin:.15rem 0}
.ai_generated{--tone:var(--ai)}.ai_edited{--tone:var(--edited)}.no_evidence{--tone:var(--none)}
.conflicting{--tone:var(--conflict)}.unreadable{--tone:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:1px;margin:0;
background:var(--rule);border:1px solid var(--rule);border-radius:10px;overflow:hidden}
.facts div{background:var(--card);padding:.7rem .9rem;flex:1 1 8.5rem}
.facts .wide{flex-grow:1.6;flex-basis:13rem}
.facts dt{font-size:.8125rem;color:var(--soft)}
.facts dd{margin:.1rem 0 0;font-weight:600;font-size:1.0625rem}
.facts dd .mono{font-size:.8125rem}
.facts dd small{display:block;font-weight:400;color:var(--soft);font-size:.8125rem}
.tag{display:inline-block;padding:.05rem .55rem;border-radius:99px;font-size:.8125rem;
font-weight:600;border:1.5px solid currentColor;white-space:nowrap}
.bad{color:var(--bad)}.good{color:var(--good)}.soft{color:var(--soft)}
.conflict{color:var(--conflict)}.ai{color:var(--ai)}.edited{color:var(--edited)}
.none{color:var(--none)}
code,.mono{font:.875em/1.4 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
figure{margin:0}figcaption{font-size:.875rem;color:var(--soft);margin:.5rem 0 0;max-width:46rem}
.lanes{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.5rem .9rem;
align-items:center}
.lanes>span{font-size:.8125rem;color:var(--soft)}
.lanes svg{display:block;width:100%}
.lane{background:var(--sunk);border-radius:6px}
.strip{border-radius:8px;background:var(--sunk)}
.s-marked{fill:var(--marked)}.s-unmarked{fill:var(--unmarked)}.s-unclear{fill:var(--unclear)}
.s-sound{fill:var(--sound)}.s-bad{fill:var(--bad)}.s-quality{fill:var(--quality)}
.h-line{stroke:var(--card);stroke-width:3.5}.h-dot{fill:var(--card)}
.tick{stroke:var(--edge)}.axis text,.lane .note{font-size:12px;fill:var(--soft)}
.badge{fill:var(--bad);stroke:var(--card);stroke-width:2}.badge+text{fill:var(--card);font-size:12px;font-weight:700}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;padding:0;
margin:1rem 0 0;font-size:.875rem;color:var(--soft)}
.legend li{display:flex;gap:.45rem;align-items:center}.legend svg{width:1.6rem;height:.8rem;
flex:none;border-radius:3px;background:var(--sunk)}
.findings{list-style:none;padding:0;margin:0;max-width:none}
.findings>li{display:grid;grid-template-columns:2rem minmax(0,1fr);gap:.9rem;padding:1.1rem 0;
border-top:1px solid var(--rule)}
.findings>li:first-child{border-top:0;padding-top:.25rem}
.findings>li:last-child{padding-bottom:0}
.num{width:2rem;height:2rem;border-radius:99px;background:var(--bad);color:var(--card);
font-weight:700;display:grid;place-items:center;font-size:.9375rem}
.findings :is(h3,h4){font-size:1rem}.findings p{margin:.15rem 0 0}
.findings .where{color:var(--soft);font-size:.875rem}
.map{margin:.9rem 0 0;max-width:34rem}.map svg{display:block;width:100%;height:auto;
border-radius:8px;background:var(--sunk)}
.scroll{overflow-x:auto}
table+table,.scroll+.scroll{margin-top:1.5rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--soft);font-size:.875rem;padding:0 0 .5rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;
border-bottom:1px solid var(--rule)}
tr:last-child>*{border-bottom:0}
thead th{font-size:.8125rem;color:var(--soft);font-weight:600}
tbody th{font-weight:600}
table.stack th:first-child{width:13rem}
table.stack td:nth-child(2){width:10rem}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
.state{display:inline-flex;gap:.4rem;align-items:center;white-space:nowrap;font-weight:600}
.state svg{width:1rem;height:1rem;flex:none}
.tree,.tree ul{list-style:none;margin:0;padding:0;max-width:none}
.tree ul{margin:.75rem 0 0 1rem;padding-left:1.25rem;border-left:2px solid var(--rule)}
.tree li+li{margin-top:.75rem}
.node{border:1px solid var(--rule);border-radius:10px;padding:.8rem 1rem}
.node .title{font-weight:650;color:var(--ink)!important;margin:0!important;
font-size:1rem;display:flex;flex-wrap:wrap;gap:.35rem .6rem;align-items:center}
.node p{margin:.2rem 0 0;font-size:.9375rem;color:var(--soft)}
.node ul.codes{border:0;margin:.4rem 0 0;padding:0;font-size:.875rem}
.node ul.codes li+li{margin-top:.1rem}
dl.list{display:grid;grid-template-columns:minmax(7rem,max-content) minmax(0,1fr);
gap:.35rem 1.25rem;margin:0;font-size:.9375rem}
dl.list dt{color:var(--soft)}dl.list dd{margin:0}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1.5rem}
.two h3,.two h4{font-size:.9375rem;margin:.75rem 0 .5rem}
details>summary{cursor:pointer;color:var(--link);font-weight:600;padding:.35rem 0}
details[open]>summary{margin-bottom:.5rem}
.foot{color:var(--soft);font-size:.875rem;padding-top:1rem;padding-bottom:3rem}
.many .file{padding:2.5rem 0 1rem;margin-top:1rem;border-top:2px solid var(--rule)}
.many main>.file:first-child{border:0;margin:0}
.many .file h2{font-size:1.375rem}
@media(max-width:34rem){
.wrap{padding:0 .875rem}.card{padding:1.1rem;border-radius:12px}.file{padding:1.25rem 0 .9rem}
h1{font-size:1.375rem}.verdict .name{font-size:1.25rem}
.lanes{grid-template-columns:1fr;gap:.2rem}.lanes>svg{margin-bottom:.5rem}
.top span:last-child,.verdict .name .tag{margin-left:0}
dl.list{grid-template-columns:7.5rem minmax(0,1fr);gap:.35rem .75rem}
table.stack thead{position:absolute;left:-999rem}
table.stack :is(th:first-child,td:nth-child(2)){width:auto!important}
.narrow{display:inline}
table.stack tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--rule)}
table.stack tr:last-child{border-bottom:0}
table.stack th,table.stack td{display:block;border:0;padding:.05rem 0}
}
@media(forced-colors:active){.lane,.strip,.legend svg{border:1px solid}
.s-marked,.s-unmarked,.s-unclear,.s-sound,.s-bad,.s-quality,.badge{forced-color-adjust:none}}
@media print{body{background:none;font-size:11px}.card{break-inside:avoid;border-radius:0}
.top,.skip{display:none}
.s-marked,.s-unmarked,.s-unclear,.s-sound,.s-bad,.s-quality,.num,.badge,.map
{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
"""
)

STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What a Content-Security-Policy names to allow :data:`STYLE` and no other style."""

POLICY = f"default-src 'none'; img-src data:; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'"
"""The page's own policy: nothing loads and nothing runs, whatever a file's texts contain."""
