/*
 * uPlot:
 *
 * The MIT License (MIT)
 *
 * Copyright (c) 2022 Leon Sorokin
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
 * THE SOFTWARE.
 */
/*! https://github.com/leeoniya/uPlot (v1.6.32) */
var uPlot=function(){"use strict";const l="u-off",e="u-label",t="width",n="height",i="top",o="bottom",s="left",r="right",u="#000",a=u+"0",f="mousemove",c="mousedown",h="mouseup",d="mouseenter",p="mouseleave",m="dblclick",g="change",x="dppxchange",w="--",_="undefined"!=typeof window,b=_?document:null,v=_?window:null,k=_?navigator:null;let y,M;function S(l,e){if(null!=e){let t=l.classList;!t.contains(e)&&t.add(e)}}function T(l,e){let t=l.classList;t.contains(e)&&t.remove(e)}function E(l,e,t){l.style[e]=t+"px"}function z(l,e,t,n){let i=b.createElement(l);return null!=e&&S(i,e),null!=t&&t.insertBefore(i,n),i}function D(l,e){return z("div",l,e)}const P=new WeakMap;function A(e,t,n,i,o){let s="translate("+t+"px,"+n+"px)";s!=P.get(e)&&(e.style.transform=s,P.set(e,s),0>t||0>n||t>i||n>o?S(e,l):T(e,l))}const W=new WeakMap;function Y(l,e,t){let n=e+t;n!=W.get(l)&&(W.set(l,n),l.style.background=e,l.style.borderColor=t)}const C=new WeakMap;function H(l,e,t,n){let i=e+""+t;i!=C.get(l)&&(C.set(l,i),l.style.height=t+"px",l.style.width=e+"px",l.style.marginLeft=n?-e/2+"px":0,l.style.marginTop=n?-t/2+"px":0)}const F={passive:!0},R={...F,capture:!0};function G(l,e,t,n){e.addEventListener(l,t,n?R:F)}function I(l,e,t){e.removeEventListener(l,t,F)}function L(l,e,t,n){let i;t=t||0;let o=2147483647>=(n=n||e.length-1);for(;n-t>1;)i=o?t+n>>1:sl((t+n)/2),l>e[i]?t=i:n=i;return l-e[t]>e[n]-l?n:t}function O(l){return(e,t,n)=>{let i=-1,o=-1;for(let o=t;n>=o;o++)if(l(e[o])){i=o;break}for(let i=n;i>=t;i--)if(l(e[i])){o=i;break}return[i,o]}}_&&function l(){let e=devicePixelRatio;y!=e&&(y=e,M&&I(g,M,l),M=matchMedia(`(min-resolution: ${y-.001}dppx) and (max-resolution: ${y+.001}dppx)`),G(g,M,l),v.dispatchEvent(new CustomEvent(x)))}();const N=l=>null!=l,j=l=>null!=l&&l>0,U=O(N),V=O(j);function B(l,e,t,n){let i=hl(l),o=hl(e);l==e&&(-1==i?(l*=t,e/=t):(l/=t,e*=t));let s=10==t?dl:pl,r=1==o?ul:sl,u=(1==i?sl:ul)(s(ol(l))),a=r(s(ol(e))),f=cl(t,u),c=cl(t,a);return 10==t&&(0>u&&(f=Al(f,-u)),0>a&&(c=Al(c,-a))),n||2==t?(l=f*i,e=c*o):(l=Pl(l,f),e=Dl(e,c)),[l,e]}function $(l,e,t,n){let i=B(l,e,t,n);return 0==l&&(i[0]=0),0==e&&(i[1]=0),i}const J=.1,q={mode:3,pad:J},K={pad:0,soft:null,mode:0},X={min:K,max:K};function Z(l,e,t,n){return Ol(t)?ll(l,e,t):(K.pad=t,K.soft=n?0:null,K.mode=n?3:0,ll(l,e,X))}function Q(l,e){return null==l?e:l}function ll(l,e,t){let n=t.min,i=t.max,o=Q(n.pad,0),s=Q(i.pad,0),r=Q(n.hard,-gl),u=Q(i.hard,gl),a=Q(n.soft,gl),f=Q(i.soft,-gl),c=Q(n.mode,0),h=Q(i.mode,0),d=e-l,p=dl(d),m=fl(ol(l),ol(e)),g=dl(m),x=ol(g-p);(1e-24>d||x>10)&&(d=0,0!=l&&0!=e||(d=1e-24,2==c&&a!=gl&&(o=0),2==h&&f!=-gl&&(s=0)));let w=d||m||1e3,_=dl(w),b=cl(10,sl(_)),v=Al(Pl(l-w*(0==d?0==l?.1:1:o),b/10),24),k=a>l||1!=c&&(3!=c||v>a)&&(2!=c||a>v)?gl:a,y=fl(r,k>v&&l>=k?k:al(k,v)),M=Al(Dl(e+w*(0==d?0==e?.1:1:s),b/10),24),S=e>f||1!=h&&(3!=h||f>M)&&(2!=h||M>f)?-gl:f,T=al(u,M>S&&S>=e?S:fl(S,M));return y==T&&0==y&&(T=100),[y,T]}const el=new Intl.NumberFormat(_?k.language:"en-US"),tl=l=>el.format(l),nl=Math,il=nl.PI,ol=nl.abs,sl=nl.floor,rl=nl.round,ul=nl.ceil,al=nl.min,fl=nl.max,cl=nl.pow,hl=nl.sign,dl=nl.log10,pl=nl.log2,ml=(l,e=1)=>nl.asinh(l/e),gl=1/0;function xl(l){return 1+(0|dl((l^l>>31)-(l>>31)))}function wl(l,e,t){return al(fl(l,e),t)}function _l(l){return"function"==typeof l}function bl(l){return _l(l)?l:()=>l}const vl=l=>l,kl=(l,e)=>e,yl=()=>null,Ml=()=>!0,Sl=(l,e)=>l==e,Tl=/\.\d*?(?=9{6,}|0{6,})/gm,El=l=>{if(Il(l)||Wl.has(l))return l;const e=""+l,t=e.match(Tl);if(null==t)return l;let n=t[0].length-1;if(-1!=e.indexOf("e-")){let[l,t]=e.split("e");return+`${El(l)}e${t}`}return Al(l,n)};function zl(l,e){return El(Al(El(l/e))*e)}function Dl(l,e){return El(ul(El(l/e))*e)}function Pl(l,e){return El(sl(El(l/e))*e)}function Al(l,e=0){if(Il(l))return l;let t=10**e;return rl(l*t*(1+Number.EPSILON))/t}const Wl=new Map;function Yl(l){return((""+l).split(".")[1]||"").length}function Cl(l,e,t,n){let i=[],o=n.map(Yl);for(let s=e;t>s;s++){let e=ol(s),t=Al(cl(l,s),e);for(let r=0;n.length>r;r++){let u=10==l?+`${n[r]}e${s}`:n[r]*t,a=(0>s?e:0)+(o[r]>s?o[r]:0),f=10==l?u:Al(u,a);i.push(f),Wl.set(f,a)}}return i}const Hl={},Fl=[],Rl=[null,null],Gl=Array.isArray,Il=Number.isInteger;function Ll(l){return"string"==typeof l}function Ol(l){let e=!1;if(null!=l){let t=l.constructor;e=null==t||t==Object}return e}function Nl(l){return null!=l&&"object"==typeof l}const jl=Object.getPrototypeOf(Uint8Array),Ul="__proto__";function Vl(l,e=Ol){let t;if(Gl(l)){let n=l.find((l=>null!=l));if(Gl(n)||e(n)){t=Array(l.length);for(let n=0;l.length>n;n++)t[n]=Vl(l[n],e)}else t=l.slice()}else if(l instanceof jl)t=l.slice();else if(e(l)){t={};for(let n in l)n!=Ul&&(t[n]=Vl(l[n],e))}else t=l;return t}function Bl(l){let e=arguments;for(let t=1;e.length>t;t++){let n=e[t];for(let e in n)e!=Ul&&(Ol(l[e])?Bl(l[e],Vl(n[e])):l[e]=Vl(n[e]))}return l}function $l(l,e,t){for(let n,i=0,o=-1;e.length>i;i++){let s=e[i];if(s>o){for(n=s-1;n>=0&&null==l[n];)l[n--]=null;for(n=s+1;t>n&&null==l[n];)l[o=n++]=null}}}const Jl="undefined"==typeof queueMicrotask?l=>Promise.resolve().then(l):queueMicrotask,ql=["January","February","March","April","May","June","July","August","September","October","November","December"],Kl=["Sunday","Monday","Tuesday","Wednesday","Thursday","Friday","Saturday"];function Xl(l){return l.slice(0,3)}const Zl=Kl.map(Xl),Ql=ql.map(Xl),le={MMMM:ql,MMM:Ql,WWWW:Kl,WWW:Zl};function ee(l){return(10>l?"0":"")+l}const te={YYYY:l=>l.getFullYear(),YY:l=>(l.getFullYear()+"").slice(2),MMMM:(l,e)=>e.MMMM[l.getMonth()],MMM:(l,e)=>e.MMM[l.getMonth()],MM:l=>ee(l.getMonth()+1),M:l=>l.getMonth()+1,DD:l=>ee(l.getDate()),D:l=>l.getDate(),WWWW:(l,e)=>e.WWWW[l.getDay()],WWW:(l,e)=>e.WWW[l.getDay()],HH:l=>ee(l.getHours()),H:l=>l.getHours(),h:l=>{let e=l.getHours();return 0==e?12:e>12?e-12:e},AA:l=>12>l.getHours()?"AM":"PM",aa:l=>12>l.getHours()?"am":"pm",a:l=>12>l.getHours()?"a":"p",mm:l=>ee(l.getMinutes()),m:l=>l.getMinutes(),ss:l=>ee(l.getSeconds()),s:l=>l.getSeconds(),fff:l=>function(l){return(10>l?"00":100>l?"0":"")+l}(l.getMilliseconds())};function ne(l,e){e=e||le;let t,n=[],i=/\{([a-z]+)\}|[^{]+/gi;for(;t=i.exec(l);)n.push("{"==t[0][0]?te[t[1]]:t[0]);return l=>{let t="";for(let i=0;n.length>i;i++)t+="string"==typeof n[i]?n[i]:n[i](l,e);return t}}const ie=(new Intl.DateTimeFormat).resolvedOptions().timeZone,oe=l=>l%1==0,se=[1,2,2.5,5],re=Cl(10,-32,0,se),ue=Cl(10,0,32,se),ae=ue.filter(oe),fe=re.concat(ue),ce="{YYYY}",he="\n"+ce,de="{M}/{D}",pe="\n"+de,me=pe+"/{YY}",ge="{aa}",xe="{h}:{mm}"+ge,we="\n"+xe,_e=":{ss}",be=null;function ve(l){let e=1e3*l,t=60*e,n=60*t,i=24*n,o=30*i,s=365*i;return[(1==l?Cl(10,0,3,se).filter(oe):Cl(10,-3,0,se)).concat([e,5*e,10*e,15*e,30*e,t,5*t,10*t,15*t,30*t,n,2*n,3*n,4*n,6*n,8*n,12*n,i,2*i,3*i,4*i,5*i,6*i,7*i,8*i,9*i,10*i,15*i,o,2*o,3*o,4*o,6*o,s,2*s,5*s,10*s,25*s,50*s,100*s]),[[s,ce,be,be,be,be,be,be,1],[28*i,"{MMM}",he,be,be,be,be,be,1],[i,de,he,be,be,be,be,be,1],[n,"{h}"+ge,me,be,pe,be,be,be,1],[t,xe,me,be,pe,be,be,be,1],[e,_e,me+" "+xe,be,pe+" "+xe,be,we,be,1],[l,_e+".{fff}",me+" "+xe,be,pe+" "+xe,be,we,be,1]],function(e){return(r,u,a,f,c,h)=>{let d=[],p=c>=s,m=c>=o&&s>c,g=e(a),x=Al(g*l,3),w=Pe(g.getFullYear(),p?0:g.getMonth(),m||p?1:g.getDate()),_=Al(w*l,3);if(m||p){let t=m?c/o:0,n=p?c/s:0,i=x==_?x:Al(Pe(w.getFullYear()+n,w.getMonth()+t,1)*l,3),r=new Date(rl(i/l)),u=r.getFullYear(),a=r.getMonth();for(let o=0;f>=i;o++){let s=Pe(u+n*o,a+t*o,1),r=s-e(Al(s*l,3));i=Al((+s+r)*l,3),i>f||d.push(i)}}else{let o=i>c?c:i,s=_+(sl(a)-sl(x))+Dl(x-_,o);d.push(s);let p=e(s),m=p.getHours()+p.getMinutes()/t+p.getSeconds()/n,g=c/n,w=h/r.axes[u]._space;for(;s=Al(s+c,1==l?0:3),f>=s;)if(g>1){let l=sl(Al(m+g,6))%24,t=e(s).getHours()-l;t>1&&(t=-1),s-=t*n,m=(m+g)%24,.7>Al((s-d[d.length-1])/c,3)*w||d.push(s)}else d.push(s)}return d}}]}const[ke,ye,Me]=ve(1),[Se,Te,Ee]=ve(.001);function ze(l,e){return l.map((l=>l.map(((t,n)=>0==n||8==n||null==t?t:e(1==n||0==l[8]?t:l[1]+t)))))}function De(l,e){return(t,n,i,o,s)=>{let r,u,a,f,c,h,d=e.find((l=>s>=l[0]))||e[e.length-1];return n.map((e=>{let t=l(e),n=t.getFullYear(),i=t.getMonth(),o=t.getDate(),s=t.getHours(),p=t.getMinutes(),m=t.getSeconds(),g=n!=r&&d[2]||i!=u&&d[3]||o!=a&&d[4]||s!=f&&d[5]||p!=c&&d[6]||m!=h&&d[7]||d[1];return r=n,u=i,a=o,f=s,c=p,h=m,g(t)}))}}function Pe(l,e,t){return new Date(l,e,t)}function Ae(l,e){return e(l)}function We(l,e){return(t,n,i,o)=>null==o?w:e(l(n))}Cl(2,-53,53,[1]);const Ye={show:!0,live:!0,isolate:!1,mount:()=>{},markers:{show:!0,width:2,stroke:function(l,e){let t=l.series[e];return t.width?t.stroke(l,e):t.points.width?t.points.stroke(l,e):null},fill:function(l,e){return l.series[e].fill(l,e)},dash:"solid"},idx:null,idxs:null,values:[]},Ce=[0,0];function He(l,e,t,n=!0){return l=>{0==l.button&&(!n||l.target==e)&&t(l)}}function Fe(l,e,t,n=!0){return l=>{(!n||l.target==e)&&t(l)}}const Re={show:!0,x:!0,y:!0,lock:!1,move:function(l,e,t){return Ce[0]=e,Ce[1]=t,Ce},points:{one:!1,show:function(l,e){let i=l.cursor.points,o=D(),s=i.size(l,e);E(o,t,s),E(o,n,s);let r=s/-2;E(o,"marginLeft",r),E(o,"marginTop",r);let u=i.width(l,e,s);return u&&E(o,"borderWidth",u),o},size:function(l,e){return l.series[e].points.size},width:0,stroke:function(l,e){let t=l.series[e].points;return t._stroke||t._fill},fill:function(l,e){let t=l.series[e].points;return t._fill||t._stroke}},bind:{mousedown:He,mouseup:He,click:He,dblclick:He,mousemove:Fe,mouseleave:Fe,mouseenter:Fe},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(l,e)=>{e.stopPropagation(),e.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(l,e,t,n,i)=>n-i,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},Ge={show:!0,stroke:"rgba(0,0,0,0.07)",width:2},Ie=Bl({},Ge,{filter:kl}),Le=Bl({},Ie,{size:10}),Oe=Bl({},Ge,{show:!1}),Ne='12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"',je="bold "+Ne,Ue={show:!0,scale:"x",stroke:u,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:je,side:2,grid:Ie,ticks:Le,border:Oe,font:Ne,lineGap:1.5,rotate:0},Ve={show:!0,scale:"x",auto:!1,sorted:1,min:gl,max:-gl,idxs:[]};function Be(l,e){return e.map((l=>null==l?"":tl(l)))}function $e(l,e,t,n,i,o,s){let r=[],u=Wl.get(i)||0;for(let l=t=s?t:Al(Dl(t,i),u);n>=l;l=Al(l+i,u))r.push(Object.is(l,-0)?0:l);return r}function Je(l,e,t,n,i){const o=[],s=l.scales[l.axes[e].scale].log,r=sl((10==s?dl:pl)(t));i=cl(s,r),10==s&&(i=fe[L(i,fe)]);let u=t,a=i*s;10==s&&(a=fe[L(a,fe)]);do{o.push(u),u+=i,10!=s||Wl.has(u)||(u=Al(u,Wl.get(i))),a>u||(a=(i=u)*s,10==s&&(a=fe[L(a,fe)]))}while(n>=u);return o}function qe(l,e,t,n,i){let o=l.scales[l.axes[e].scale].asinh,s=n>o?Je(l,e,fl(o,t),n,i):[o],r=0>n||t>0?[]:[0];return(-o>t?Je(l,e,fl(o,-n),-t,i):[o]).reverse().map((l=>-l)).concat(r,s)}const Ke=/./,Xe=/[12357]/,Ze=/[125]/,Qe=/1/,lt=(l,e,t,n)=>l.map(((l,i)=>4==e&&0==l||i%n==0&&t.test(l.toExponential()[0>l?1:0])?l:null));function et(l,e,t){let n=l.axes[t],i=n.scale,o=l.scales[i],s=l.valToPos,r=n._space,u=s(10,i),a=s(9,i)-u<r?s(7,i)-u<r?s(5,i)-u<r?Qe:Ze:Xe:Ke;if(a==Qe){let l=ol(s(1,i)-u);if(r>l)return lt(e.slice().reverse(),o.distr,a,ul(r/l)).reverse()}return lt(e,o.distr,a,1)}function tt(l,e,t){let n=l.axes[t],i=n.scale,o=n._space,s=l.valToPos,r=ol(s(1,i)-s(2,i));return o>r?lt(e.slice().reverse(),3,Ke,ul(o/r)).reverse():e}function nt(l,e,t,n){return null==n?w:null==e?"":tl(e)}const it={show:!0,scale:"y",stroke:u,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:je,side:3,grid:Ie,ticks:Le,border:Oe,font:Ne,lineGap:1.5,rotate:0},ot={scale:null,auto:!0,sorted:0,min:gl,max:-gl},st=(l,e,t,n,i)=>i,rt={show:!0,auto:!0,sorted:0,gaps:st,alpha:1,facets:[Bl({},ot,{scale:"x"}),Bl({},ot,{scale:"y"})]},ut={scale:"y",auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:st,alpha:1,points:{show:function(l,e){let{scale:t,idxs:n}=l.series[0],i=l._data[0],o=l.valToPos(i[n[0]],t,!0),s=l.valToPos(i[n[1]],t,!0);return ol(s-o)/(l.series[e].points.space*y)>=n[1]-n[0]},filter:null},values:null,min:gl,max:-gl,idxs:[],path:null,clip:null};function at(l,e,t){return t/10}const ft={time:!0,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},ct=Bl({},ft,{time:!1,ori:1}),ht={};function dt(l){let e=ht[l];return e||(e={key:l,plots:[],sub(l){e.plots.push(l)},unsub(l){e.plots=e.plots.filter((e=>e!=l))},pub(l,t,n,i,o,s,r){for(let u=0;e.plots.length>u;u++)e.plots[u]!=t&&e.plots[u].pub(l,t,n,i,o,s,r)}},null!=l&&(ht[l]=e)),e}function pt(l,e,t){const n=l.mode,i=l.series[e],o=2==n?l._data[e]:l._data,s=l.scales,r=l.bbox;let u=o[0],a=2==n?o[1]:o[e],f=2==n?s[i.facets[0].scale]:s[l.series[0].scale],c=2==n?s[i.facets[1].scale]:s[i.scale],h=r.left,d=r.top,p=r.width,m=r.height,g=l.valToPosH,x=l.valToPosV;return 0==f.ori?t(i,u,a,f,c,g,x,h,d,p,m,kt,Mt,Tt,zt,Pt):t(i,u,a,f,c,x,g,d,h,m,p,yt,St,Et,Dt,At)}function mt(l,e){let t=0,n=0,i=Q(l.bands,Fl);for(let l=0;i.length>l;l++){let o=i[l];o.series[0]==e?t=o.dir:o.series[1]==e&&(n|=1==o.dir?1:2)}return[t,1==n?-1:2==n?1:3==n?2:0]}function gt(l,e,t,n,i){let o=l.series[e],s=l.scales[2==l.mode?o.facets[1].scale:o.scale];return-1==i?s.min:1==i?s.max:3==s.distr?1==s.dir?s.min:s.max:0}function xt(l,e,t,n,i,o){return pt(l,e,((l,e,s,r,u,a,f,c,h,d,p)=>{let m=l.pxRound;const g=0==r.ori?Mt:St;let x,w;1==r.dir*(0==r.ori?1:-1)?(x=t,w=n):(x=n,w=t);let _=m(a(e[x],r,d,c)),b=m(f(s[x],u,p,h)),v=m(a(e[w],r,d,c)),k=m(f(1==o?u.max:u.min,u,p,h)),y=new Path2D(i);return g(y,v,k),g(y,_,k),g(y,_,b),y}))}function wt(l,e,t,n,i,o){let s=null;if(l.length>0){s=new Path2D;const r=0==e?Tt:Et;let u=t;for(let e=0;l.length>e;e++){let t=l[e];if(t[1]>t[0]){let l=t[0]-u;l>0&&r(s,u,n,l,n+o),u=t[1]}}let a=t+i-u,f=10;a>0&&r(s,u,n-f/2,a,n+o+f)}return s}function _t(l,e,t,n,i,o,s){let r=[],u=l.length;for(let a=1==i?t:n;a>=t&&n>=a;a+=i)if(null===e[a]){let f=a,c=a;if(1==i)for(;++a<=n&&null===e[a];)c=a;else for(;--a>=t&&null===e[a];)c=a;let h=o(l[f]),d=c==f?h:o(l[c]),p=f-i;h=s>0||0>p||p>=u?h:o(l[p]);let m=c+i;d=0>s||0>m||m>=u?d:o(l[m]),h>d||r.push([h,d])}return r}function bt(l){return 0==l?vl:1==l?rl:e=>zl(e,l)}function vt(l){let e=0==l?kt:yt,t=0==l?(l,e,t,n,i,o)=>{l.arcTo(e,t,n,i,o)}:(l,e,t,n,i,o)=>{l.arcTo(t,e,i,n,o)},n=0==l?(l,e,t,n,i)=>{l.rect(e,t,n,i)}:(l,e,t,n,i)=>{l.rect(t,e,i,n)};return(l,i,o,s,r,u=0,a=0)=>{0==u&&0==a?n(l,i,o,s,r):(u=al(u,s/2,r/2),a=al(a,s/2,r/2),e(l,i+u,o),t(l,i+s,o,i+s,o+r,u),t(l,i+s,o+r,i,o+r,a),t(l,i,o+r,i,o,a),t(l,i,o,i+s,o,u),l.closePath())}}const kt=(l,e,t)=>{l.moveTo(e,t)},yt=(l,e,t)=>{l.moveTo(t,e)},Mt=(l,e,t)=>{l.lineTo(e,t)},St=(l,e,t)=>{l.lineTo(t,e)},Tt=vt(0),Et=vt(1),zt=(l,e,t,n,i,o)=>{l.arc(e,t,n,i,o)},Dt=(l,e,t,n,i,o)=>{l.arc(t,e,n,i,o)},Pt=(l,e,t,n,i,o,s)=>{l.bezierCurveTo(e,t,n,i,o,s)},At=(l,e,t,n,i,o,s)=>{l.bezierCurveTo(t,e,i,n,s,o)};function Wt(){return(l,e,t,n,i)=>pt(l,e,((e,o,s,r,u,a,f,c,h,d,p)=>{let m,g,{pxRound:x,points:w}=e;0==r.ori?(m=kt,g=zt):(m=yt,g=Dt);const _=Al(w.width*y,3);let b=(w.size-w.width)/2*y,v=Al(2*b,3),k=new Path2D,M=new Path2D,{left:S,top:T,width:E,height:z}=l.bbox;Tt(M,S-v,T-v,E+2*v,z+2*v);const D=l=>{if(null!=s[l]){let e=x(a(o[l],r,d,c)),t=x(f(s[l],u,p,h));m(k,e+b,t),g(k,e,t,b,0,2*il)}};if(i)i.forEach(D);else for(let l=t;n>=l;l++)D(l);return{stroke:_>0?k:null,fill:k,clip:M,flags:3}}))}function Yt(l){return(e,t,n,i,o,s)=>{n!=i&&(o!=n&&s!=n&&l(e,t,n),o!=i&&s!=i&&l(e,t,i),l(e,t,s))}}const Ct=Yt(Mt),Ht=Yt(St);function Ft(l){const e=Q(l?.alignGaps,0);return(l,t,n,i)=>pt(l,t,((o,s,r,u,a,f,c,h,d,p,m)=>{[n,i]=U(r,n,i);let g,x,w=o.pxRound,_=l=>w(f(l,u,p,h)),b=l=>w(c(l,a,m,d));0==u.ori?(g=Mt,x=Ct):(g=St,x=Ht);const v=u.dir*(0==u.ori?1:-1),k={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:1},y=k.stroke;let M=!1;if(i-n<4*p)for(let l=1==v?n:i;l>=n&&i>=l;l+=v){let e=r[l];null===e?M=!0:null!=e&&g(y,_(s[l]),b(e))}else{let e,t,o,a=e=>l.posToVal(e,u.key,!0),f=null,c=null,h=_(s[1==v?n:i]),d=_(s[n]),p=_(s[i]),m=a(1==v?d+1:p-1);for(let l=1==v?n:i;l>=n&&i>=l;l+=v){let n=s[l],i=(1==v?m>n:n>m)?h:_(n),o=r[l];i==h?null!=o?(t=o,null==f?(g(y,i,b(t)),e=f=c=t):f>t?f=t:t>c&&(c=t)):null===o&&(M=!0):(null!=f&&x(y,h,b(f),b(c),b(e),b(t)),null!=o?(t=o,g(y,i,b(t)),f=c=e=t):(f=c=null,null===o&&(M=!0)),h=i,m=a(h+v))}null!=f&&f!=c&&o!=h&&x(y,h,b(f),b(c),b(e),b(t))}let[S,T]=mt(l,t);if(null!=o.fill||0!=S){let e=k.fill=new Path2D(y),r=b(o.fillTo(l,t,o.min,o.max,S)),u=_(s[n]),a=_(s[i]);-1==v&&([a,u]=[u,a]),g(e,a,r),g(e,u,r)}if(!o.spanGaps){let a=[];M&&a.push(..._t(s,r,n,i,v,_,e)),k.gaps=a=o.gaps(l,t,n,i,a),k.clip=wt(a,u.ori,h,d,p,m)}return 0!=T&&(k.band=2==T?[xt(l,t,n,i,y,-1),xt(l,t,n,i,y,1)]:xt(l,t,n,i,y,T)),k}))}function Rt(l,e,t,n,i,o,s=gl){if(l.length>1){let r=null;for(let u=0,a=1/0;l.length>u;u++)if(void 0!==e[u]){if(null!=r){let e=ol(l[u]-l[r]);a>e&&(a=e,s=ol(t(l[u],n,i,o)-t(l[r],n,i,o)))}r=u}}return s}function Gt(l,e,t,n,i){const o=l.length;if(2>o)return null;const s=new Path2D;if(t(s,l[0],e[0]),2==o)n(s,l[1],e[1]);else{let t=Array(o),n=Array(o-1),r=Array(o-1),u=Array(o-1);for(let t=0;o-1>t;t++)r[t]=e[t+1]-e[t],u[t]=l[t+1]-l[t],n[t]=r[t]/u[t];t[0]=n[0];for(let l=1;o-1>l;l++)0===n[l]||0===n[l-1]||n[l-1]>0!=n[l]>0?t[l]=0:(t[l]=3*(u[l-1]+u[l])/((2*u[l]+u[l-1])/n[l-1]+(u[l]+2*u[l-1])/n[l]),isFinite(t[l])||(t[l]=0));t[o-1]=n[o-2];for(let n=0;o-1>n;n++)i(s,l[n]+u[n]/3,e[n]+t[n]*u[n]/3,l[n+1]-u[n]/3,e[n+1]-t[n+1]*u[n]/3,l[n+1],e[n+1])}return s}const It=new Set;function Lt(){for(let l of It)l.syncRect(!0)}_&&(G("resize",v,Lt),G("scroll",v,Lt,!0),G(x,v,(()=>{en.pxRatio=y})));const Ot=Ft(),Nt=Wt();function jt(l,e,t,n){return(n?[l[0],l[1]].concat(l.slice(2)):[l[0]].concat(l.slice(1))).map(((l,n)=>Ut(l,n,e,t)))}function Ut(l,e,t,n){return Bl({},0==e?t:n,l)}function Vt(l,e,t){return null==e?Rl:[e,t]}const Bt=Vt;function $t(l,e,t){return null==e?Rl:Z(e,t,J,!0)}function Jt(l,e,t,n){return null==e?Rl:B(e,t,l.scales[n].log,!1)}const qt=Jt;function Kt(l,e,t,n){return null==e?Rl:$(e,t,l.scales[n].log,!1)}const Xt=Kt;function Zt(l,e,t,n,i){let o=fl(xl(l),xl(e)),s=e-l,r=L(i/n*s,t);do{let l=t[r],e=n*l/s;if(e>=i&&17>=o+(5>l?Wl.get(l):0))return[l,e]}while(++r<t.length);return[0,0]}function Qt(l){let e,t;return[l=l.replace(/(\d+)px/,((l,n)=>(e=rl((t=+n)*y))+"px")),e,t]}function ln(l){l.show&&[l.font,l.labelFont].forEach((l=>{let e=Al(l[2]*y,1);l[0]=l[0].replace(/[0-9.]+px/,e+"px"),l[1]=e}))}function en(u,g,_){const k={mode:Q(u.mode,1)},M=k.mode;function P(l,e,t,n){let i=e.valToPct(l);return n+t*(-1==e.dir?1-i:i)}function W(l,e,t,n){let i=e.valToPct(l);return n+t*(-1==e.dir?i:1-i)}function C(l,e,t,n){return 0==e.ori?P(l,e,t,n):W(l,e,t,n)}k.valToPosH=P,k.valToPosV=W;let F=!1;k.status=0;const R=k.root=D("uplot");null!=u.id&&(R.id=u.id),S(R,u.class),u.title&&(D("u-title",R).textContent=u.title);const O=z("canvas"),K=k.ctx=O.getContext("2d"),X=D("u-wrap",R);G("click",X,(l=>{l.target===el&&(Nn!=Gn||jn!=In)&&Zn.click(k,l)}),!0);const ll=k.under=D("u-under",X);X.appendChild(O);const el=k.over=D("u-over",X),tl=+Q((u=Vl(u)).pxAlign,1),sl=bt(tl);(u.plugins||[]).forEach((l=>{l.opts&&(u=l.opts(k,u)||u)}));const hl=u.ms||.001,pl=k.series=1==M?jt(u.series||[],Ve,ut,!1):function(l,e){return l.map(((l,t)=>0==t?{}:Bl({},e,l)))}(u.series||[null],rt),xl=k.axes=jt(u.axes||[],Ue,it,!0),vl=k.scales={},Tl=k.bands=u.bands||[];Tl.forEach((l=>{l.fill=bl(l.fill||null),l.dir=Q(l.dir,-1)}));const El=2==M?pl[1].facets[0].scale:pl[0].scale,Dl={axes:function(){for(let l=0;xl.length>l;l++){let e=xl[l];if(!e.show||!e._show)continue;let t,n,u=e.side,a=u%2,f=e.stroke(k,l),c=0==u||3==u?-1:1,[h,d]=e._found;if(null!=e.label){let s=rl((e._lpos+e.labelGap*c)*y);_n(e.labelFont[0],f,"center",2==u?i:o),K.save(),1==a?(t=n=0,K.translate(s,rl(lt+st/2)),K.rotate((3==u?-il:il)/2)):(t=rl(Qe+ot/2),n=s);let r=_l(e.label)?e.label(k,l,h,d):e.label;K.fillText(r,t,n),K.restore()}if(0==d)continue;let p=vl[e.scale],m=0==a?ot:st,g=0==a?Qe:lt,x=e._splits,w=2==p.distr?x.map((l=>pn[l])):x,_=2==p.distr?pn[x[1]]-pn[x[0]]:h,b=e.ticks,v=e.border,M=b.show?b.size:0,S=rl(M*y),T=rl((2==e.alignTo?e._size-M-e.gap:e.gap)*y),E=e._rotate*-il/180,z=sl(e._pos*y),D=z+(S+T)*c;n=0==a?D:0,t=1==a?D:0,_n(e.font[0],f,1==e.align?s:2==e.align?r:E>0?s:0>E?r:0==a?"center":3==u?r:s,E||1==a?"middle":2==u?i:o);let P=e.font[1]*e.lineGap,A=x.map((l=>sl(C(l,p,m,g)))),W=e._values;for(let l=0;W.length>l;l++){let e=W[l];if(null!=e){0==a?t=A[l]:n=A[l],e=""+e;let i=-1==e.indexOf("\n")?[e]:e.split(/\n/gm);for(let l=0;i.length>l;l++){let e=i[l];E?(K.save(),K.translate(t,n+l*P),K.rotate(E),K.fillText(e,0,0),K.restore()):K.fillText(e,t,n+l*P)}}}b.show&&zn(A,b.filter(k,w,l,d,_),a,u,z,S,Al(b.width*y,3),b.stroke(k,l),b.dash,b.cap);let Y=e.grid;Y.show&&zn(A,Y.filter(k,w,l,d,_),a,0==a?2:1,0==a?lt:Qe,0==a?st:ot,Al(Y.width*y,3),Y.stroke(k,l),Y.dash,Y.cap),v.show&&zn([z],[1],0==a?1:0,0==a?1:2,1==a?lt:Qe,1==a?st:ot,Al(v.width*y,3),v.stroke(k,l),v.dash,v.cap)}Ci("drawAxes")},series:function(){if(Gt>0){let l=pl.some((l=>l._focus))&&dn!=Tt.alpha;l&&(K.globalAlpha=dn=Tt.alpha),pl.forEach(((l,e)=>{if(e>0&&l.show&&(kn(e,!1),kn(e,!0),null==l._paths)){let t=dn;dn!=l.alpha&&(K.globalAlpha=dn=l.alpha);let n=2==M?[0,g[e][0].length-1]:function(l){let e=wl(Lt-1,0,Gt-1),t=wl(en+1,0,Gt-1);for(;null==l[e]&&e>0;)e--;for(;null==l[t]&&Gt-1>t;)t++;return[e,t]}(g[e]);l._paths=l.paths(k,e,n[0],n[1]),dn!=t&&(K.globalAlpha=dn=t)}})),pl.forEach(((l,e)=>{if(e>0&&l.show){let t=dn;dn!=l.alpha&&(K.globalAlpha=dn=l.alpha),null!=l._paths&&yn(e,!1);{let t=null!=l._paths?l._paths.gaps:null,n=l.points.show(k,e,Lt,en,t),i=l.points.filter(k,e,n,t);(n||i)&&(l.points._paths=l.points.paths(k,e,Lt,en,i),yn(e,!0))}dn!=t&&(K.globalAlpha=dn=t),Ci("drawSeries",e)}})),l&&(K.globalAlpha=dn=1)}}},Pl=(u.drawOrder||["axes","series"]).map((l=>Dl[l]));function Cl(l){const e=3==l.distr?e=>dl(e>0?e:l.clamp(k,e,l.min,l.max,l.key)):4==l.distr?e=>ml(e,l.asinh):100==l.distr?e=>l.fwd(e):l=>l;return t=>{let n=e(t),{_min:i,_max:o}=l;return(n-i)/(o-i)}}function Il(l){let e=vl[l];if(null==e){let t=(u.scales||Hl)[l]||Hl;if(null!=t.from){Il(t.from);let e=Bl({},vl[t.from],t,{key:l});e.valToPct=Cl(e),vl[l]=e}else{e=vl[l]=Bl({},l==El?ft:ct,t),e.key=l;let n=e.time,i=e.range,o=Gl(i);if((l!=El||2==M&&!n)&&(!o||null!=i[0]&&null!=i[1]||(i={min:null==i[0]?q:{mode:1,hard:i[0],soft:i[0]},max:null==i[1]?q:{mode:1,hard:i[1],soft:i[1]}},o=!1),!o&&Ol(i))){let l=i;i=(e,t,n)=>null==t?Rl:Z(t,n,l)}e.range=bl(i||(n?Bt:l==El?3==e.distr?qt:4==e.distr?Xt:Vt:3==e.distr?Jt:4==e.distr?Kt:$t)),e.auto=bl(!o&&e.auto),e.clamp=bl(e.clamp||at),e._min=e._max=null,e.valToPct=Cl(e)}}}Il("x"),Il("y"),1==M&&pl.forEach((l=>{Il(l.scale)})),xl.forEach((l=>{Il(l.scale)}));for(let l in u.scales)Il(l);const jl=vl[El],Ul=jl.distr;let $l,ql;0==jl.ori?(S(R,"u-hz"),$l=P,ql=W):(S(R,"u-vt"),$l=W,ql=P);const Kl={};for(let l in vl){let e=vl[l];null==e.min&&null==e.max||(Kl[l]={min:e.min,max:e.max},e.min=e.max=null)}const Xl=u.tzDate||(l=>new Date(rl(l/hl))),Zl=u.fmtDate||ne,Ql=1==hl?Me(Xl):Ee(Xl),le=De(Xl,ze(1==hl?ye:Te,Zl)),ee=We(Xl,Ae("{YYYY}-{MM}-{DD} {h}:{mm}{aa}",Zl)),te=[],ie=k.legend=Bl({},Ye,u.legend),oe=k.cursor=Bl({},Re,{drag:{y:2==M}},u.cursor),se=ie.show,re=oe.show,ue=ie.markers;let ce,he,de;ie.idxs=te,ue.width=bl(ue.width),ue.dash=bl(ue.dash),ue.stroke=bl(ue.stroke),ue.fill=bl(ue.fill);let pe,me=[],ge=[],xe=!1,we={};if(ie.live){const l=pl[1]?pl[1].values:null;xe=null!=l,pe=xe?l(k,1,0):{_:0};for(let l in pe)we[l]=w}if(se)if(ce=z("table","u-legend",R),de=z("tbody",null,ce),ie.mount(k,ce),xe){he=z("thead",null,ce,de);let l=z("tr",null,he);for(var _e in z("th",null,l),pe)z("th",e,l).textContent=_e}else S(ce,"u-inline"),ie.live&&S(ce,"u-live");const be={show:!0},ve={show:!1},Pe=new Map;function Ce(l,e,t,n=!0){const i=Pe.get(e)||{},o=oe.bind[l](k,e,t,n);o&&(G(l,e,i[l]=o),Pe.set(e,i))}function He(l,e){const t=Pe.get(e)||{};for(let n in t)null!=l&&n!=l||(I(n,e,t[n]),delete t[n]);null==l&&Pe.delete(e)}let Fe=0,Ge=0,Ie=0,Le=0,Oe=0,Ne=0,je=Oe,Ke=Ne,Xe=Ie,Ze=Le,Qe=0,lt=0,ot=0,st=0;k.bbox={};let ht=!1,pt=!1,mt=!1,xt=!1,wt=!1,_t=!1;function vt(l,e,t){(t||l!=k.width||e!=k.height)&&kt(l,e),An(!1),mt=!0,pt=!0,Jn()}function kt(l,e){k.width=Fe=Ie=l,k.height=Ge=Le=e,Oe=Ne=0,function(){let l=!1,e=!1,t=!1,n=!1;xl.forEach((i=>{if(i.show&&i._show){let{side:o,_size:s}=i,r=s+(null!=i.label?i.labelSize:0);r>0&&(o%2?(Ie-=r,3==o?(Oe+=r,n=!0):t=!0):(Le-=r,0==o?(Ne+=r,l=!0):e=!0))}})),Ct[0]=l,Ct[1]=t,Ct[2]=e,Ct[3]=n,Ie-=Rt[1]+Rt[3],Oe+=Rt[3],Le-=Rt[2]+Rt[0],Ne+=Rt[0]}(),function(){let l=Oe+Ie,e=Ne+Le,t=Oe,n=Ne;function i(i,o){switch(i){case 1:return l+=o,l-o;case 2:return e+=o,e-o;case 3:return t-=o,t+o;case 0:return n-=o,n+o}}xl.forEach((l=>{if(l.show&&l._show){let e=l.side;l._pos=i(e,l._size),null!=l.label&&(l._lpos=i(e,l.labelSize))}}))}();let t=k.bbox;Qe=t.left=zl(Oe*y,.5),lt=t.top=zl(Ne*y,.5),ot=t.width=zl(Ie*y,.5),st=t.height=zl(Le*y,.5)}const yt=3;if(k.setSize=function({width:l,height:e}){vt(l,e)},null==oe.dataIdx){let l=oe.hover,e=l.skip=new Set(l.skip??[]);e.add(void 0);let t=l.prox=bl(l.prox),n=l.bias??=0;oe.dataIdx=(l,i,o,s)=>{if(0==i)return o;let r=o,u=t(l,i,o,s)??gl,a=u>=0&&gl>u,f=0==jl.ori?Ie:Le,c=oe.left,h=g[0],d=g[i];if(e.has(d[o])){r=null;let l,t=null,i=null;if(0==n||-1==n)for(l=o;null==t&&l-- >0;)e.has(d[l])||(t=l);if(0==n||1==n)for(l=o;null==i&&l++<d.length;)e.has(d[l])||(i=l);if(null!=t||null!=i)if(a){let l=c-(null==t?-1/0:$l(h[t],jl,f,0)),e=(null==i?1/0:$l(h[i],jl,f,0))-c;l>e?e>u||(r=i):l>u||(r=t)}else r=null==i?t:null==t||o-t>i-o?i:t}else a&&ol(c-$l(h[o],jl,f,0))>u&&(r=null);return r}}const Mt=l=>{oe.event=l};oe.idxs=te,oe._lock=!1;let St=oe.points;St.show=bl(St.show),St.size=bl(St.size),St.stroke=bl(St.stroke),St.width=bl(St.width),St.fill=bl(St.fill);const Tt=k.focus=Bl({},u.focus||{alpha:.3},oe.focus),Et=Tt.prox>=0,zt=Et&&St.one;let Dt=[],Pt=[],At=[];function Wt(l,e){let t=St.show(k,e);if(t instanceof HTMLElement)return S(t,"u-cursor-pt"),S(t,l.class),A(t,-10,-10,Ie,Le),el.insertBefore(t,Dt[e]),t}function Yt(t,n){if(1==M||n>0){let l=1==M&&vl[t.scale].time,e=t.value;t.value=l?Ll(e)?We(Xl,Ae(e,Zl)):e||ee:e||nt,t.label=t.label||(l?"Time":"Value")}if(zt||n>0){t.width=null==t.width?1:t.width,t.paths=t.paths||Ot||yl,t.fillTo=bl(t.fillTo||gt),t.pxAlign=+Q(t.pxAlign,tl),t.pxRound=bt(t.pxAlign),t.stroke=bl(t.stroke||null),t.fill=bl(t.fill||null),t._stroke=t._fill=t._paths=t._focus=null;let l=function(l){return Al(1*(3+2*(l||1)),3)}(fl(1,t.width)),e=t.points=Bl({},{size:l,width:fl(1,.2*l),stroke:t.stroke,space:2*l,paths:Nt,_stroke:null,_fill:null},t.points);e.show=bl(e.show),e.filter=bl(e.filter),e.fill=bl(e.fill),e.stroke=bl(e.stroke),e.paths=bl(e.paths),e.pxAlign=t.pxAlign}if(se){let i=function(t,n){if(0==n&&(xe||!ie.live||2==M))return Rl;let i=[],o=z("tr","u-series",de,de.childNodes[n]);S(o,t.class),t.show||S(o,l);let s=z("th",null,o);if(ue.show){let l=D("u-marker",s);if(n>0){let e=ue.width(k,n);e&&(l.style.border=e+"px "+ue.dash(k,n)+" "+ue.stroke(k,n)),l.style.background=ue.fill(k,n)}}let r=D(e,s);for(var u in t.label instanceof HTMLElement?r.appendChild(t.label):r.textContent=t.label,n>0&&(ue.show||(r.style.color=t.width>0?ue.stroke(k,n):ue.fill(k,n)),Ce("click",s,(l=>{if(oe._lock)return;Mt(l);let e=pl.indexOf(t);if((l.ctrlKey||l.metaKey)!=ie.isolate){let l=pl.some(((l,t)=>t>0&&t!=e&&l.show));pl.forEach(((t,n)=>{n>0&&oi(n,l?n==e?be:ve:be,!0,Fi.setSeries)}))}else oi(e,{show:!t.show},!0,Fi.setSeries)}),!1),Et&&Ce(d,s,(l=>{oe._lock||(Mt(l),oi(pl.indexOf(t),ai,!0,Fi.setSeries))}),!1)),pe){let l=z("td","u-value",o);l.textContent="--",i.push(l)}return[o,i]}(t,n);me.splice(n,0,i[0]),ge.splice(n,0,i[1]),ie.values.push(null)}if(re){te.splice(n,0,null);let l=null;zt?0==n&&(l=Wt(t,n)):n>0&&(l=Wt(t,n)),Dt.splice(n,0,l),Pt.splice(n,0,0),At.splice(n,0,0)}Ci("addSeries",n)}k.addSeries=function(l,e){e=null==e?pl.length:e,l=1==M?Ut(l,e,Ve,ut):Ut(l,e,{},rt),pl.splice(e,0,l),Yt(pl[e],e)},k.delSeries=function(l){if(pl.splice(l,1),se){ie.values.splice(l,1),ge.splice(l,1);let e=me.splice(l,1)[0];He(null,e.firstChild),e.remove()}re&&(te.splice(l,1),Dt.splice(l,1)[0].remove(),Pt.splice(l,1),At.splice(l,1)),Ci("delSeries",l)};const Ct=[!1,!1,!1,!1];function Ht(l,e,t){let[n,i,o,s]=t,r=e%2,u=0;return 0==r&&(s||i)&&(u=0==e&&!n||2==e&&!o?rl(Ue.size/3):0),1==r&&(n||o)&&(u=1==e&&!i||3==e&&!s?rl(it.size/2):0),u}const Ft=k.padding=(u.padding||[Ht,Ht,Ht,Ht]).map((l=>bl(Q(l,Ht)))),Rt=k._padding=Ft.map(((l,e)=>l(k,e,Ct,0)));let Gt,Lt=null,en=null;const tn=1==M?pl[0].idxs:null;let nn,on,sn,rn,un,an,fn,cn,hn,dn,pn=null,mn=!1;function gn(l,e){if(k.data=k._data=g=null==l?[]:l,2==M){Gt=0;for(let l=1;pl.length>l;l++)Gt+=g[l][0].length}else{0==g.length&&(k.data=k._data=g=[[]]),pn=g[0],Gt=pn.length;let l=g;if(2==Ul){l=g.slice();let e=l[0]=Array(Gt);for(let l=0;Gt>l;l++)e[l]=l}k._data=g=l}if(An(!0),Ci("setData"),2==Ul&&(mt=!0),!1!==e){let l=jl;l.auto(k,mn)?xn():ii(El,l.min,l.max),xt=xt||oe.left>=0,_t=!0,Jn()}}function xn(){let l,e;mn=!0,1==M&&(Gt>0?(Lt=tn[0]=0,en=tn[1]=Gt-1,l=g[0][Lt],e=g[0][en],2==Ul?(l=Lt,e=en):l==e&&(3==Ul?[l,e]=B(l,l,jl.log,!1):4==Ul?[l,e]=$(l,l,jl.log,!1):jl.time?e=l+rl(86400/hl):[l,e]=Z(l,e,J,!0))):(Lt=tn[0]=l=null,en=tn[1]=e=null)),ii(El,l,e)}function wn(l,e,t,n,i,o){l??=a,t??=Fl,n??="butt",i??=a,o??="round",l!=nn&&(K.strokeStyle=nn=l),i!=on&&(K.fillStyle=on=i),e!=sn&&(K.lineWidth=sn=e),o!=un&&(K.lineJoin=un=o),n!=an&&(K.lineCap=an=n),t!=rn&&K.setLineDash(rn=t)}function _n(l,e,t,n){e!=on&&(K.fillStyle=on=e),l!=fn&&(K.font=fn=l),t!=cn&&(K.textAlign=cn=t),n!=hn&&(K.textBaseline=hn=n)}function bn(l,e,t,n,i=0){if(n.length>0&&l.auto(k,mn)&&(null==e||null==e.min)){let e=Q(Lt,0),o=Q(en,n.length-1),s=null==t.min?function(l,e,t,n=0,i=!1){let o=i?V:U,s=i?j:N;[e,t]=o(l,e,t);let r=l[e],u=l[e];if(e>-1)if(1==n)r=l[e],u=l[t];else if(-1==n)r=l[t],u=l[e];else for(let n=e;t>=n;n++){let e=l[n];s(e)&&(r>e?r=e:e>u&&(u=e))}return[r??gl,u??-gl]}(n,e,o,i,3==l.distr):[t.min,t.max];l.min=al(l.min,t.min=s[0]),l.max=fl(l.max,t.max=s[1])}}k.setData=gn;const vn={min:null,max:null};function kn(l,e){let t=e?pl[l].points:pl[l];t._stroke=t.stroke(k,l),t._fill=t.fill(k,l)}function yn(l,e){let t=e?pl[l].points:pl[l],{stroke:n,fill:i,clip:o,flags:s,_stroke:r=t._stroke,_fill:u=t._fill,_width:a=t.width}=t._paths;a=Al(a*y,3);let f=null,c=a%2/2;e&&null==u&&(u=a>0?"#fff":r);let h=1==t.pxAlign&&c>0;if(h&&K.translate(c,c),!e){let l=Qe-a/2,e=lt-a/2,t=ot+a,n=st+a;f=new Path2D,f.rect(l,e,t,n)}e?Sn(r,a,t.dash,t.cap,u,n,i,s,o):function(l,e,t,n,i,o,s,r,u,a,f){let c=!1;0!=u&&Tl.forEach(((h,d)=>{if(h.series[0]==l){let l,p=pl[h.series[1]],m=g[h.series[1]],x=(p._paths||Hl).band;Gl(x)&&(x=1==h.dir?x[0]:x[1]);let w=null;p.show&&x&&function(l,e,t){for(e=Q(e,0),t=Q(t,l.length-1);t>=e;){if(null!=l[e])return!0;e++}return!1}(m,Lt,en)?(w=h.fill(k,d)||o,l=p._paths.clip):x=null,Sn(e,t,n,i,w,s,r,u,a,f,l,x),c=!0}})),c||Sn(e,t,n,i,o,s,r,u,a,f)}(l,r,a,t.dash,t.cap,u,n,i,s,f,o),h&&K.translate(-c,-c)}const Mn=3;function Sn(l,e,t,n,i,o,s,r,u,a,f,c){wn(l,e,t,n,i),(u||a||c)&&(K.save(),u&&K.clip(u),a&&K.clip(a)),c?(r&Mn)==Mn?(K.clip(c),f&&K.clip(f),En(i,s),Tn(l,o,e)):2&r?(En(i,s),K.clip(c),Tn(l,o,e)):1&r&&(K.save(),K.clip(c),f&&K.clip(f),En(i,s),K.restore(),Tn(l,o,e)):(En(i,s),Tn(l,o,e)),(u||a||c)&&K.restore()}function Tn(l,e,t){t>0&&(e instanceof Map?e.forEach(((l,e)=>{K.strokeStyle=nn=e,K.stroke(l)})):null!=e&&l&&K.stroke(e))}function En(l,e){e instanceof Map?e.forEach(((l,e)=>{K.fillStyle=on=e,K.fill(l)})):null!=e&&l&&K.fill(e)}function zn(l,e,t,n,i,o,s,r,u,a){let f=s%2/2;1==tl&&K.translate(f,f),wn(r,s,u,a,r),K.beginPath();let c,h,d,p,m=i+(0==n||3==n?-o:o);0==t?(h=i,p=m):(c=i,d=m);for(let n=0;l.length>n;n++)null!=e[n]&&(0==t?c=d=l[n]:h=p=l[n],K.moveTo(c,h),K.lineTo(d,p));K.stroke(),1==tl&&K.translate(-f,-f)}function Dn(l){let e=!0;return xl.forEach(((t,n)=>{if(!t.show)return;let i=vl[t.scale];if(null==i.min)return void(t._show&&(e=!1,t._show=!1,An(!1)));t._show||(e=!1,t._show=!0,An(!1));let o=t.side,s=o%2,{min:r,max:u}=i,[a,f]=function(l,e,t,n){let i,o=xl[l];if(n>0){let s=o._space=o.space(k,l,e,t,n);i=Zt(e,t,o._incrs=o.incrs(k,l,e,t,n,s),n,s)}else i=[0,0];return o._found=i}(n,r,u,0==s?Ie:Le);if(0==f)return;let c=t._splits=t.splits(k,n,r,u,a,f,2==i.distr),h=2==i.distr?c.map((l=>pn[l])):c,d=2==i.distr?pn[c[1]]-pn[c[0]]:a,p=t._values=t.values(k,t.filter(k,h,n,f,d),n,f,d);t._rotate=2==o?t.rotate(k,p,n,f):0;let m=t._size;t._size=ul(t.size(k,p,n,l)),null!=m&&t._size!=m&&(e=!1)})),e}function Pn(l){let e=!0;return Ft.forEach(((t,n)=>{let i=t(k,n,Ct,l);i!=Rt[n]&&(e=!1),Rt[n]=i})),e}function An(l){pl.forEach(((e,t)=>{t>0&&(e._paths=null,l&&(1==M?(e.min=null,e.max=null):e.facets.forEach((l=>{l.min=null,l.max=null}))))}))}let Wn,Yn,Cn,Hn,Fn,Rn,Gn,In,Ln,On,Nn,jn,Un=!1,Vn=!1,Bn=[];function $n(){Vn=!1;for(let l=0;Bn.length>l;l++)Ci(...Bn[l]);Bn.length=0}function Jn(){Un||(Jl(qn),Un=!0)}function qn(){if(ht&&(function(){for(let l in vl){let e=vl[l];null==Kl[l]&&(null==e.min||null!=Kl[El]&&e.auto(k,mn))&&(Kl[l]=vn)}for(let l in vl){let e=vl[l];null==Kl[l]&&null!=e.from&&null!=Kl[e.from]&&(Kl[l]=vn)}null!=Kl[El]&&An(!0);let l={};for(let e in Kl){let t=Kl[e];if(null!=t){let n=l[e]=Vl(vl[e],Nl);if(null!=t.min)Bl(n,t);else if(e!=El||2==M)if(0==Gt&&null==n.from){let l=n.range(k,null,null,e);n.min=l[0],n.max=l[1]}else n.min=gl,n.max=-gl}}if(Gt>0){pl.forEach(((e,t)=>{if(1==M){let n=e.scale,i=Kl[n];if(null==i)return;let o=l[n];if(0==t){let l=o.range(k,o.min,o.max,n);o.min=l[0],o.max=l[1],Lt=L(o.min,g[0]),en=L(o.max,g[0]),en-Lt>1&&(o.min>g[0][Lt]&&Lt++,g[0][en]>o.max&&en--),e.min=pn[Lt],e.max=pn[en]}else e.show&&e.auto&&bn(o,i,e,g[t],e.sorted);e.idxs[0]=Lt,e.idxs[1]=en}else if(t>0&&e.show&&e.auto){let[n,i]=e.facets,o=n.scale,s=i.scale,[r,u]=g[t],a=l[o],f=l[s];null!=a&&bn(a,Kl[o],n,r,n.sorted),null!=f&&bn(f,Kl[s],i,u,i.sorted),e.min=i.min,e.max=i.max}}));for(let e in l){let t=l[e],n=Kl[e];if(null==t.from&&(null==n||null==n.min)){let l=t.range(k,t.min==gl?null:t.min,t.max==-gl?null:t.max,e);t.min=l[0],t.max=l[1]}}}for(let e in l){let t=l[e];if(null!=t.from){let n=l[t.from];if(null==n.min)t.min=t.max=null;else{let l=t.range(k,n.min,n.max,e);t.min=l[0],t.max=l[1]}}}let e={},t=!1;for(let n in l){let i=l[n],o=vl[n];if(o.min!=i.min||o.max!=i.max){o.min=i.min,o.max=i.max;let l=o.distr;o._min=3==l?dl(o.min):4==l?ml(o.min,o.asinh):100==l?o.fwd(o.min):o.min,o._max=3==l?dl(o.max):4==l?ml(o.max,o.asinh):100==l?o.fwd(o.max):o.max,e[n]=t=!0}}if(t){pl.forEach(((l,t)=>{2==M?t>0&&e.y&&(l._paths=null):e[l.scale]&&(l._paths=null)}));for(let l in e)mt=!0,Ci("setScale",l);re&&oe.left>=0&&(xt=_t=!0)}for(let l in Kl)Kl[l]=null}(),ht=!1),mt&&(function(){let l=!1,e=0;for(;!l;){e++;let t=Dn(e),n=Pn(e);l=e==yt||t&&n,l||(kt(k.width,k.height),pt=!0)}}(),mt=!1),pt){if(E(ll,s,Oe),E(ll,i,Ne),E(ll,t,Ie),E(ll,n,Le),E(el,s,Oe),E(el,i,Ne),E(el,t,Ie),E(el,n,Le),E(X,t,Fe),E(X,n,Ge),O.width=rl(Fe*y),O.height=rl(Ge*y),xl.forEach((({_el:e,_show:t,_size:n,_pos:i,side:o})=>{if(null!=e)if(t){let t=o%2==1;E(e,t?"left":"top",i-(3===o||0===o?n:0)),E(e,t?"width":"height",n),E(e,t?"top":"left",t?Ne:Oe),E(e,t?"height":"width",t?Le:Ie),T(e,l)}else S(e,l)})),nn=on=sn=un=an=fn=cn=hn=rn=null,dn=1,_i(!0),Oe!=je||Ne!=Ke||Ie!=Xe||Le!=Ze){An(!1);let l=Ie/Xe,e=Le/Ze;if(re&&!xt&&oe.left>=0){oe.left*=l,oe.top*=e,Cn&&A(Cn,rl(oe.left),0,Ie,Le),Hn&&A(Hn,0,rl(oe.top),Ie,Le);for(let t=0;Dt.length>t;t++){let n=Dt[t];null!=n&&(Pt[t]*=l,At[t]*=e,A(n,ul(Pt[t]),ul(At[t]),Ie,Le))}}if(ei.show&&!wt&&ei.left>=0&&ei.width>0){ei.left*=l,ei.width*=l,ei.top*=e,ei.height*=e;for(let l in ki)E(ti,l,ei[l])}je=Oe,Ke=Ne,Xe=Ie,Ze=Le}Ci("setSize"),pt=!1}Fe>0&&Ge>0&&(K.clearRect(0,0,O.width,O.height),Ci("drawClear"),Pl.forEach((l=>l())),Ci("draw")),ei.show&&wt&&(ni(ei),wt=!1),re&&xt&&(xi(null,!0,!1),xt=!1),ie.show&&ie.live&&_t&&(mi(),_t=!1),F||(F=!0,k.status=1,Ci("ready")),mn=!1,Un=!1}function Kn(l,e){let t=vl[l];if(null==t.from){if(0==Gt){let n=t.range(k,e.min,e.max,l);e.min=n[0],e.max=n[1]}if(e.min>e.max){let l=e.min;e.min=e.max,e.max=l}if(Gt>1&&null!=e.min&&null!=e.max&&1e-16>e.max-e.min)return;l==El&&2==t.distr&&Gt>0&&(e.min=L(e.min,g[0]),e.max=L(e.max,g[0]),e.min==e.max&&e.max++),Kl[l]=e,ht=!0,Jn()}}k.batch=function(l,e=!1){Un=!0,Vn=e,l(k),qn(),e&&Bn.length>0&&queueMicrotask($n)},k.redraw=(l,e)=>{mt=e||!1,!1!==l?ii(El,jl.min,jl.max):Jn()},k.setScale=Kn;let Xn=!1;const Zn=oe.drag;let Qn=Zn.x,li=Zn.y;re&&(oe.x&&(Wn=D("u-cursor-x",el)),oe.y&&(Yn=D("u-cursor-y",el)),0==jl.ori?(Cn=Wn,Hn=Yn):(Cn=Yn,Hn=Wn),Nn=oe.left,jn=oe.top);const ei=k.select=Bl({show:!0,over:!0,left:0,width:0,top:0,height:0},u.select),ti=ei.show?D("u-select",ei.over?el:ll):null;function ni(l,e){if(ei.show){for(let e in l)ei[e]=l[e],e in ki&&E(ti,e,l[e]);!1!==e&&Ci("setSelect")}}function ii(l,e,t){Kn(l,{min:e,max:t})}function oi(e,t,n,i){null!=t.focus&&function(l){if(l!=ui){let e=null==l,t=1!=Tt.alpha;pl.forEach(((n,i)=>{if(1==M||i>0){let o=e||0==i||i==l;n._focus=e?null:o,t&&function(l,e){pl[l].alpha=e,re&&null!=Dt[l]&&(Dt[l].style.opacity=e),se&&me[l]&&(me[l].style.opacity=e)}(i,o?1:Tt.alpha)}})),ui=l,t&&Jn()}}(e),null!=t.show&&pl.forEach(((n,i)=>{0>=i||e!=i&&null!=e||(n.show=t.show,function(e){if(pl[e].show)se&&T(me[e],l);else if(se&&S(me[e],l),re){let l=zt?Dt[0]:Dt[e];null!=l&&A(l,-10,-10,Ie,Le)}}(i),2==M?(ii(n.facets[0].scale,null,null),ii(n.facets[1].scale,null,null)):ii(n.scale,null,null),Jn())})),!1!==n&&Ci("setSeries",e,t),i&&Ii("setSeries",k,e,t)}let si,ri,ui;k.setSelect=ni,k.setSeries=oi,k.addBand=function(l,e){l.fill=bl(l.fill||null),l.dir=Q(l.dir,-1),Tl.splice(e=null==e?Tl.length:e,0,l)},k.setBand=function(l,e){Bl(Tl[l],e)},k.delBand=function(l){null==l?Tl.length=0:Tl.splice(l,1)};const ai={focus:!0};function fi(l,e,t){let n=vl[e];t&&(l=l/y-(1==n.ori?Ne:Oe));let i=Ie;1==n.ori&&(i=Le,l=i-l),-1==n.dir&&(l=i-l);let o=n._min,s=o+l/i*(n._max-o),r=n.distr;return 3==r?cl(10,s):4==r?((l,e=1)=>nl.sinh(l)*e)(s,n.asinh):100==r?n.bwd(s):s}function ci(l,e){E(ti,s,ei.left=l),E(ti,t,ei.width=e)}function hi(l,e){E(ti,i,ei.top=l),E(ti,n,ei.height=e)}se&&Et&&Ce(p,ce,(l=>{oe._lock||(Mt(l),null!=ui&&oi(null,ai,!0,Fi.setSeries))})),k.valToIdx=l=>L(l,g[0]),k.posToIdx=function(l,e){return L(fi(l,El,e),g[0],Lt,en)},k.posToVal=fi,k.valToPos=(l,e,t)=>0==vl[e].ori?P(l,vl[e],t?ot:Ie,t?Qe:0):W(l,vl[e],t?st:Le,t?lt:0),k.setCursor=(l,e,t)=>{Nn=l.left,jn=l.top,xi(null,e,t)};let di=0==jl.ori?ci:hi,pi=1==jl.ori?ci:hi;function mi(l,e){if(null!=l&&(l.idxs?l.idxs.forEach(((l,e)=>{te[e]=l})):(l=>void 0===l)(l.idx)||te.fill(l.idx),ie.idx=te[0]),se&&ie.live){for(let l=0;pl.length>l;l++)(l>0||1==M&&!xe)&&gi(l,te[l]);!function(){if(se&&ie.live)for(let l=2==M?1:0;pl.length>l;l++){if(0==l&&xe)continue;let e=ie.values[l],t=0;for(let n in e)ge[l][t++].firstChild.nodeValue=e[n]}}()}_t=!1,!1!==e&&Ci("setLegend")}function gi(l,e){let t,n=pl[l],i=0==l&&2==Ul?pn:g[l];xe?t=n.values(k,l,e)??we:(t=n.value(k,null==e?null:i[e],l,e),t=null==t?we:{_:t}),ie.values[l]=t}function xi(l,e,t){let n;Ln=Nn,On=jn,[Nn,jn]=oe.move(k,Nn,jn),oe.left=Nn,oe.top=jn,re&&(Cn&&A(Cn,rl(Nn),0,Ie,Le),Hn&&A(Hn,0,rl(jn),Ie,Le)),si=gl,ri=null;let i=0==jl.ori?Ie:Le,o=1==jl.ori?Ie:Le;if(0>Nn||0==Gt||Lt>en){n=oe.idx=null;for(let l=0;pl.length>l;l++){let e=Dt[l];null!=e&&A(e,-10,-10,Ie,Le)}Et&&oi(null,ai,!0,null==l&&Fi.setSeries),ie.live&&(te.fill(n),_t=!0)}else{let l,e,t;1==M&&(l=0==jl.ori?Nn:jn,e=fi(l,El),n=oe.idx=L(e,g[0],Lt,en),t=$l(g[0][n],jl,i,0));let s=-10,r=-10,u=0,a=0,f=!0,c="",h="";for(let l=2==M?1:0;pl.length>l;l++){let d=pl[l],p=te[l],m=null==p?null:1==M?g[l][p]:g[l][1][p],x=oe.dataIdx(k,l,n,e),w=null==x?null:1==M?g[l][x]:g[l][1][x];if(_t=_t||w!=m||x!=p,te[l]=x,l>0&&d.show){let e=null==x?-10:x==n?t:$l(1==M?g[0][x]:g[l][0][x],jl,i,0),p=null==w?-10:ql(w,1==M?vl[d.scale]:vl[d.facets[1].scale],o,0);if(Et&&null!=w){let e=1==jl.ori?Nn:jn,t=ol(Tt.dist(k,l,x,p,e));if(si>t){let n=Tt.bias;if(0!=n){let i=fi(e,d.scale),o=0>i?-1:1;o!=(0>w?-1:1)||(1==o?1==n?i>w:w>i:1==n?w>i:i>w)||(si=t,ri=l)}else si=t,ri=l}}if(_t||zt){let t,n;0==jl.ori?(t=e,n=p):(t=p,n=e);let i,o,d,m,g,x,w=!0,_=St.bbox;if(null!=_){w=!1;let e=_(k,l);d=e.left,m=e.top,i=e.width,o=e.height}else d=t,m=n,i=o=St.size(k,l);if(x=St.fill(k,l),g=St.stroke(k,l),zt)l!=ri||si>Tt.prox||(s=d,r=m,u=i,a=o,f=w,c=x,h=g);else{let e=Dt[l];null!=e&&(Pt[l]=d,At[l]=m,H(e,i,o,w),Y(e,x,g),A(e,ul(d),ul(m),Ie,Le))}}}}if(zt){let l=Tt.prox;if(_t||(null==ui?l>=si:si>l||ri!=ui)){let l=Dt[0];null!=l&&(Pt[0]=s,At[0]=r,H(l,u,a,f),Y(l,c,h),A(l,ul(s),ul(r),Ie,Le))}}}if(ei.show&&Xn)if(null!=l){let[e,t]=Fi.scales,[n,s]=Fi.match,[r,u]=l.cursor.sync.scales,a=l.cursor.drag;if(Qn=a._x,li=a._y,Qn||li){let a,f,c,h,d,{left:p,top:m,width:g,height:x}=l.select,w=l.scales[r].ori,_=l.posToVal,b=null!=e&&n(e,r),v=null!=t&&s(t,u);b&&Qn?(0==w?(a=p,f=g):(a=m,f=x),c=vl[e],h=$l(_(a,r),c,i,0),d=$l(_(a+f,r),c,i,0),di(al(h,d),ol(d-h))):di(0,i),v&&li?(1==w?(a=p,f=g):(a=m,f=x),c=vl[t],h=ql(_(a,u),c,o,0),d=ql(_(a+f,u),c,o,0),pi(al(h,d),ol(d-h))):pi(0,o)}else yi()}else{let l=ol(Ln-Fn),e=ol(On-Rn);if(1==jl.ori){let t=l;l=e,e=t}Qn=Zn.x&&l>=Zn.dist,li=Zn.y&&e>=Zn.dist;let t,n,s=Zn.uni;null!=s?Qn&&li&&(Qn=l>=s,li=e>=s,Qn||li||(e>l?li=!0:Qn=!0)):Zn.x&&Zn.y&&(Qn||li)&&(Qn=li=!0),Qn&&(0==jl.ori?(t=Gn,n=Nn):(t=In,n=jn),di(al(t,n),ol(n-t)),li||pi(0,o)),li&&(1==jl.ori?(t=Gn,n=Nn):(t=In,n=jn),pi(al(t,n),ol(n-t)),Qn||di(0,i)),Qn||li||(di(0,0),pi(0,0))}if(Zn._x=Qn,Zn._y=li,null==l){if(t){if(null!=Ri){let[l,e]=Fi.scales;Fi.values[0]=null!=l?fi(0==jl.ori?Nn:jn,l):null,Fi.values[1]=null!=e?fi(1==jl.ori?Nn:jn,e):null}Ii(f,k,Nn,jn,Ie,Le,n)}if(Et){let l=t&&Fi.setSeries,e=Tt.prox;null==ui?si>e||oi(ri,ai,!0,l):si>e?oi(null,ai,!0,l):ri!=ui&&oi(ri,ai,!0,l)}}_t&&(ie.idx=n,mi()),!1!==e&&Ci("setCursor")}k.setLegend=mi;let wi=null;function _i(l=!1){l?wi=null:(wi=el.getBoundingClientRect(),Ci("syncRect",wi))}function bi(l,e,t,n,i,o){oe._lock||Xn&&null!=l&&0==l.movementX&&0==l.movementY||(vi(l,e,t,n,i,o,0,!1,null!=l),null!=l?xi(null,!0,!0):xi(e,!0,!1))}function vi(l,e,t,n,i,o,s,r,u){if(null==wi&&_i(!1),Mt(l),null!=l)t=l.clientX-wi.left,n=l.clientY-wi.top;else{if(0>t||0>n)return Nn=-10,void(jn=-10);let[l,s]=Fi.scales,r=e.cursor.sync,[u,a]=r.values,[f,c]=r.scales,[h,d]=Fi.match,p=e.axes[0].side%2==1,m=0==jl.ori?Ie:Le,g=1==jl.ori?Ie:Le,x=p?o:i,w=p?i:o,_=p?n:t,b=p?t:n;if(t=null!=f?h(l,f)?C(u,vl[l],m,0):-10:m*(_/x),n=null!=c?d(s,c)?C(a,vl[s],g,0):-10:g*(b/w),1==jl.ori){let l=t;t=n,n=l}}!u||null!=e&&e.cursor.event.type!=f||(t>1&&Ie-1>t||(t=zl(t,Ie)),n>1&&Le-1>n||(n=zl(n,Le))),r?(Fn=t,Rn=n,[Gn,In]=oe.move(k,t,n)):(Nn=t,jn=n)}Object.defineProperty(k,"rect",{get:()=>(null==wi&&_i(!1),wi)});const ki={width:0,height:0,left:0,top:0};function yi(){ni(ki,!1)}let Mi,Si,Ti,Ei;function zi(l,e,t,n,i,o){Xn=!0,Qn=li=Zn._x=Zn._y=!1,vi(l,e,t,n,i,o,0,!0,!1),null!=l&&(Ce(h,b,Di,!1),Ii(c,k,Gn,In,Ie,Le,null));let{left:s,top:r,width:u,height:a}=ei;Mi=s,Si=r,Ti=u,Ei=a}function Di(l,e,t,n,i,o){Xn=Zn._x=Zn._y=!1,vi(l,e,t,n,i,o,0,!1,!0);let{left:s,top:r,width:u,height:a}=ei,f=u>0||a>0,c=Mi!=s||Si!=r||Ti!=u||Ei!=a;if(f&&c&&ni(ei),Zn.setScale&&f&&c){let l=s,e=u,t=r,n=a;if(1==jl.ori&&(l=r,e=a,t=s,n=u),Qn&&ii(El,fi(l,El),fi(l+e,El)),li)for(let l in vl){let e=vl[l];l!=El&&null==e.from&&e.min!=gl&&ii(l,fi(t+n,l),fi(t,l))}yi()}else oe.lock&&(oe._lock=!oe._lock,xi(e,!0,null!=l));null!=l&&(He(h,b),Ii(h,k,Nn,jn,Ie,Le,null))}function Pi(l){oe._lock||(Mt(l),xn(),yi(),null!=l&&Ii(m,k,Nn,jn,Ie,Le,null))}function Ai(){xl.forEach(ln),vt(k.width,k.height,!0)}G(x,v,Ai);const Wi={};Wi.mousedown=zi,Wi.mousemove=bi,Wi.mouseup=Di,Wi.dblclick=Pi,Wi.setSeries=(l,e,t,n)=>{-1!=(t=(0,Fi.match[2])(k,e,t))&&oi(t,n,!0,!1)},re&&(Ce(c,el,zi),Ce(f,el,bi),Ce(d,el,(l=>{Mt(l),_i(!1)})),Ce(p,el,(function(l){if(oe._lock)return;Mt(l);let e=Xn;if(Xn){let l,e,t=!0,n=!0,i=10;0==jl.ori?(l=Qn,e=li):(l=li,e=Qn),l&&e&&(t=i>=Nn||Nn>=Ie-i,n=i>=jn||jn>=Le-i),l&&t&&(Nn=Gn>Nn?0:Ie),e&&n&&(jn=In>jn?0:Le),xi(null,!0,!0),Xn=!1}Nn=-10,jn=-10,te.fill(null),xi(null,!0,!0),e&&(Xn=e)})),Ce(m,el,Pi),It.add(k),k.syncRect=_i);const Yi=k.hooks=u.hooks||{};function Ci(l,e,t){Vn?Bn.push([l,e,t]):l in Yi&&Yi[l].forEach((l=>{l.call(null,k,e,t)}))}(u.plugins||[]).forEach((l=>{for(let e in l.hooks)Yi[e]=(Yi[e]||[]).concat(l.hooks[e])}));const Hi=(l,e,t)=>t,Fi=Bl({key:null,setSeries:!1,filters:{pub:Ml,sub:Ml},scales:[El,pl[1]?pl[1].scale:null],match:[Sl,Sl,Hi],values:[null,null]},oe.sync);2==Fi.match.length&&Fi.match.push(Hi),oe.sync=Fi;const Ri=Fi.key,Gi=dt(Ri);function Ii(l,e,t,n,i,o,s){Fi.filters.pub(l,e,t,n,i,o,s)&&Gi.pub(l,e,t,n,i,o,s)}function Li(){Ci("init",u,g),gn(g||u.data,!1),Kl[El]?Kn(El,Kl[El]):xn(),wt=ei.show&&(ei.width>0||ei.height>0),xt=_t=!0,vt(u.width,u.height)}return Gi.sub(k),k.pub=function(l,e,t,n,i,o,s){Fi.filters.sub(l,e,t,n,i,o,s)&&Wi[l](null,e,t,n,i,o,s)},k.destroy=function(){Gi.unsub(k),It.delete(k),Pe.clear(),I(x,v,Ai),R.remove(),ce?.remove(),Ci("destroy")},pl.forEach(Yt),xl.forEach((function(l,e){if(l._show=l.show,l.show){let t=vl[l.scale];null==t&&(l.scale=l.side%2?pl[1].scale:El,t=vl[l.scale]);let n=t.time;l.size=bl(l.size),l.space=bl(l.space),l.rotate=bl(l.rotate),Gl(l.incrs)&&l.incrs.forEach((l=>{!Wl.has(l)&&Wl.set(l,Yl(l))})),l.incrs=bl(l.incrs||(2==t.distr?ae:n?1==hl?ke:Se:fe)),l.splits=bl(l.splits||(n&&1==t.distr?Ql:3==t.distr?Je:4==t.distr?qe:$e)),l.stroke=bl(l.stroke),l.grid.stroke=bl(l.grid.stroke),l.ticks.stroke=bl(l.ticks.stroke),l.border.stroke=bl(l.border.stroke);let i=l.values;l.values=Gl(i)&&!Gl(i[0])?bl(i):n?Gl(i)?De(Xl,ze(i,Zl)):Ll(i)?function(l,e){let t=ne(e);return(e,n)=>n.map((e=>t(l(e))))}(Xl,i):i||le:i||Be,l.filter=bl(l.filter||(3>t.distr||10!=t.log?3==t.distr&&2==t.log?tt:kl:et)),l.font=Qt(l.font),l.labelFont=Qt(l.labelFont),l._size=l.size(k,null,e,0),l._space=l._rotate=l._incrs=l._found=l._splits=l._values=null,l._size>0&&(Ct[e]=!0,l._el=D("u-axis",X))}})),_?_ instanceof HTMLElement?(_.appendChild(R),Li()):_(k,Li):Li(),k}en.assign=Bl,en.fmtNum=tl,en.rangeNum=Z,en.rangeLog=B,en.rangeAsinh=$,en.orient=pt,en.pxRatio=y,en.join=function(l,e){if(function(l){let e=l[0][0],t=e.length;for(let n=1;l.length>n;n++){let i=l[n][0];if(i.length!=t)return!1;if(i!=e)for(let l=0;t>l;l++)if(i[l]!=e[l])return!1}return!0}(l)){let e=l[0].slice();for(let t=1;l.length>t;t++)e.push(...l[t].slice(1));return function(l,e=100){const t=l.length;if(1>=t)return!0;let n=0,i=t-1;for(;i>=n&&null==l[n];)n++;for(;i>=n&&null==l[i];)i--;if(n>=i)return!0;const o=fl(1,sl((i-n+1)/e));for(let e=l[n],t=n+o;i>=t;t+=o){const n=l[t];if(null!=n){if(e>=n)return!1;e=n}}return!0}(e[0])||(e=function(l){let e=l[0],t=e.length,n=Array(t);for(let l=0;n.length>l;l++)n[l]=l;n.sort(((l,t)=>e[l]-e[t]));let i=[];for(let e=0;l.length>e;e++){let o=l[e],s=Array(t);for(let l=0;t>l;l++)s[l]=o[n[l]];i.push(s)}return i}(e)),e}let t=new Set;for(let e=0;l.length>e;e++){let n=l[e][0],i=n.length;for(let l=0;i>l;l++)t.add(n[l])}let n=[Array.from(t).sort(((l,e)=>l-e))],i=n[0].length,o=new Map;for(let l=0;i>l;l++)o.set(n[0][l],l);for(let t=0;l.length>t;t++){let s=l[t],r=s[0];for(let l=1;s.length>l;l++){let u=s[l],a=Array(i).fill(void 0),f=e?e[t][l]:1,c=[];for(let l=0;u.length>l;l++){let e=u[l],t=o.get(r[l]);null===e?0!=f&&(a[t]=e,2==f&&c.push(t)):a[t]=e}$l(a,c,i),n.push(a)}}return n},en.fmtDate=ne,en.tzDate=function(l,e){let t;return"UTC"==e||"Etc/UTC"==e?t=new Date(+l+6e4*l.getTimezoneOffset()):e==ie?t=l:(t=new Date(l.toLocaleString("en-US",{timeZone:e})),t.setMilliseconds(l.getMilliseconds())),t},en.sync=dt;{en.addGap=function(l,e,t){let n=l[l.length-1];n&&n[0]==e?n[1]=t:l.push([e,t])},en.clipGaps=wt;let l=en.paths={points:Wt};l.linear=Ft,l.stepped=function(l){const e=Q(l.align,1),t=Q(l.ascDesc,!1),n=Q(l.alignGaps,0),i=Q(l.extend,!1);return(l,o,s,r)=>pt(l,o,((u,a,f,c,h,d,p,m,g,x,w)=>{[s,r]=U(f,s,r);let _=u.pxRound,{left:b,width:v}=l.bbox,k=l=>_(d(l,c,x,m)),M=l=>_(p(l,h,w,g)),S=0==c.ori?Mt:St;const T={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:1},E=T.stroke,z=c.dir*(0==c.ori?1:-1);let D=M(f[1==z?s:r]),P=k(a[1==z?s:r]),A=P,W=P;i&&-1==e&&(W=b,S(E,W,D)),S(E,P,D);for(let l=1==z?s:r;l>=s&&r>=l;l+=z){let t=f[l];if(null==t)continue;let n=k(a[l]),i=M(t);1==e?S(E,n,D):S(E,A,i),S(E,n,i),D=i,A=n}let Y=A;i&&1==e&&(Y=b+v,S(E,Y,D));let[C,H]=mt(l,o);if(null!=u.fill||0!=C){let e=T.fill=new Path2D(E),t=M(u.fillTo(l,o,u.min,u.max,C));S(e,Y,t),S(e,W,t)}if(!u.spanGaps){let i=[];i.push(..._t(a,f,s,r,z,k,n));let h=u.width*y/2,d=t||1==e?h:-h,p=t||-1==e?-h:h;i.forEach((l=>{l[0]+=d,l[1]+=p})),T.gaps=i=u.gaps(l,o,s,r,i),T.clip=wt(i,c.ori,m,g,x,w)}return 0!=H&&(T.band=2==H?[xt(l,o,s,r,E,-1),xt(l,o,s,r,E,1)]:xt(l,o,s,r,E,H)),T}))},l.bars=function(l){const e=Q((l=l||Hl).size,[.6,gl,1]),t=l.align||0,n=l.gap||0;let i=l.radius;i=null==i?[0,0]:"number"==typeof i?[i,0]:i;const o=bl(i),s=1-e[0],r=Q(e[1],gl),u=Q(e[2],1),a=Q(l.disp,Hl),f=Q(l.each,(()=>{})),{fill:c,stroke:h}=a;return(l,e,i,d)=>pt(l,e,((p,m,g,x,w,_,b,v,k,M,S)=>{let T,E,z=p.pxRound,D=t,P=n*y,A=r*y,W=u*y;0==x.ori?[T,E]=o(l,e):[E,T]=o(l,e);const Y=x.dir*(0==x.ori?1:-1);let C,H,F,R=0==x.ori?Tt:Et,G=0==x.ori?f:(l,e,t,n,i,o,s)=>{f(l,e,t,i,n,s,o)},I=Q(l.bands,Fl).find((l=>l.series[0]==e)),L=p.fillTo(l,e,p.min,p.max,null!=I?I.dir:0),O=z(b(L,w,S,k)),N=M,j=z(p.width*y),U=!1,V=null,B=null,$=null,J=null;null==c||0!=j&&null==h||(U=!0,V=c.values(l,e,i,d),B=new Map,new Set(V).forEach((l=>{null!=l&&B.set(l,new Path2D)})),j>0&&($=h.values(l,e,i,d),J=new Map,new Set($).forEach((l=>{null!=l&&J.set(l,new Path2D)}))));let{x0:q,size:K}=a;if(null!=q&&null!=K){D=1,m=q.values(l,e,i,d),2==q.unit&&(m=m.map((e=>l.posToVal(v+e*M,x.key,!0))));let t=K.values(l,e,i,d);H=2==K.unit?t[0]*M:_(t[0],x,M,v)-_(0,x,M,v),N=Rt(m,g,_,x,M,v,N),F=N-H+P}else N=Rt(m,g,_,x,M,v,N),F=N*s+P,H=N-F;1>F&&(F=0),H/2>j||(j=0),5>F&&(z=vl);let X=F>0;H=z(wl(N-F-(X?j:0),W,A)),C=(0==D?H/2:D==Y?0:H)-D*Y*((0==D?P/2:0)+(X?j/2:0));const Z={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},ll=U?null:new Path2D;let el=null;if(null!=I)el=l.data[I.series[1]];else{let{y0:t,y1:n}=a;null!=t&&null!=n&&(g=n.values(l,e,i,d),el=t.values(l,e,i,d))}let tl=T*H,nl=E*H;for(let t=1==Y?i:d;t>=i&&d>=t;t+=Y){let n=g[t];if(null==n)continue;if(null!=el){let l=el[t]??0;if(n-l==0)continue;O=b(l,w,S,k)}let i=_(2!=x.distr||null!=a?m[t]:t,x,M,v),o=b(Q(n,L),w,S,k),s=z(i-C),r=z(fl(o,O)),u=z(al(o,O)),f=r-u;if(null!=n){let i=0>n?nl:tl,o=0>n?tl:nl;U?(j>0&&null!=$[t]&&R(J.get($[t]),s,u+sl(j/2),H,fl(0,f-j),i,o),null!=V[t]&&R(B.get(V[t]),s,u+sl(j/2),H,fl(0,f-j),i,o)):R(ll,s,u+sl(j/2),H,fl(0,f-j),i,o),G(l,e,t,s-j/2,u,H+j,f)}}return j>0?Z.stroke=U?J:ll:U||(Z._fill=0==p.width?p._fill:p._stroke??p._fill,Z.width=0),Z.fill=U?B:ll,Z}))},l.spline=function(l){return function(l,e){const t=Q(e?.alignGaps,0);return(e,n,i,o)=>pt(e,n,((s,r,u,a,f,c,h,d,p,m,g)=>{[i,o]=U(u,i,o);let x,w,_,b=s.pxRound,v=l=>b(c(l,a,m,d)),k=l=>b(h(l,f,g,p));0==a.ori?(x=kt,_=Mt,w=Pt):(x=yt,_=St,w=At);const y=a.dir*(0==a.ori?1:-1);let M=v(r[1==y?i:o]),S=M,T=[],E=[];for(let l=1==y?i:o;l>=i&&o>=l;l+=y)if(null!=u[l]){let e=v(r[l]);T.push(S=e),E.push(k(u[l]))}const z={stroke:l(T,E,x,_,w,b),fill:null,clip:null,band:null,gaps:null,flags:1},D=z.stroke;let[P,A]=mt(e,n);if(null!=s.fill||0!=P){let l=z.fill=new Path2D(D),t=k(s.fillTo(e,n,s.min,s.max,P));_(l,S,t),_(l,M,t)}if(!s.spanGaps){let l=[];l.push(..._t(r,u,i,o,y,v,t)),z.gaps=l=s.gaps(e,n,i,o,l),z.clip=wt(l,a.ori,d,p,m,g)}return 0!=A&&(z.band=2==A?[xt(e,n,i,o,D,-1),xt(e,n,i,o,D,1)]:xt(e,n,i,o,D,A)),z}))}(Gt,l)}}return en}();

// samples.js
// The samples of the last 15 minutes. A series keeps its changes only, in typed arrays.

const KEPT = 15 * 60e3;

// Numbers with their times, in ascending order.
class Track {
  constructor() {
    this.times = new Float64Array(4);
    this.values = new Float64Array(4);
    this.start = 0;
    this.end = 0;
  }

  get length() {
    return this.end - this.start;
  }

  push(time, value) {
    if (this.end === this.times.length) this.makeRoom();
    this.times[this.end] = time;
    this.values[this.end] = value;
    this.end += 1;
  }

  makeRoom() {
    const size = this.length * 2 <= this.times.length && this.length > 2 ? this.times.length : this.times.length * 2;
    for (const key of ['times', 'values']) {
      const old = this[key].subarray(this.start, this.end);
      this[key] = new Float64Array(size);
      this[key].set(old);
    }
    this.end -= this.start;
    this.start = 0;
  }

  // Forgets all entries before this time, except the last of them, which is still the value.
  forget(time) {
    while (this.end - this.start > 1 && this.times[this.start + 1] <= time) this.start += 1;
  }

  // The place of the last entry at or before this time, or -1.
  place(time) {
    let [low, high] = [this.start, this.end];
    if (high > low && this.times[high - 1] <= time) return high - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low > this.start ? low - 1 : -1;
  }

  at(time) {
    const place = this.place(time);
    return place < 0 ? NaN : this.values[place];
  }

  copy() {
    const made = new Track();
    for (let i = this.start; i < this.end; i += 1) made.push(this.times[i], this.values[i]);
    return made;
  }
}

// A series. A counter is kept as the sum over all restarts, so that no rate sees one.
class Series {
  constructor(name, labels, counts, born, isFirst) {
    this.labels = Object.freeze({ __name__: name, ...labels });
    this.counts = counts;
    this.born = born;
    this.track = new Track();
    this.raw = 0;
    this.offset = 0;
    this.resets = [];
    this.absences = [];
    this.base = isFirst ? NaN : 0;
  }

  set(time, value, epoch) {
    const wasGone = this.absences.length > 0 && this.absences.at(-1)[1] === Infinity;
    if (wasGone) this.absences.at(-1)[1] = time;
    if (this.counts && this.track.length > 0 && (value < this.raw || wasGone || this.epoch !== epoch)) {
      this.offset += this.raw;
      if (this.offset > 0) this.resets.push([time, this.offset]);
    }
    this.epoch = epoch;
    this.raw = value;
    this.track.push(time, value + this.offset);
    if (Number.isNaN(this.base)) this.base = value;
  }

  leave(time) {
    if (!this.isGone) this.absences.push([time, Infinity]);
  }

  get isGone() {
    return this.absences.at(-1)?.[1] === Infinity;
  }

  isAbsent(time) {
    return this.absences.some(([from, to]) => from <= time && time < to);
  }

  // The value as the process told it.
  at(time) {
    if (this.absences.length > 0 && this.isAbsent(time)) return NaN;
    const value = this.track.at(time);
    if (this.resets.length === 0) return value;
    const reset = this.resets.findLast(([when]) => when <= time);
    return reset ? value - reset[1] : value;
  }

  // The sum over all restarts.
  total(time) {
    if (this.absences.length > 0 && this.isAbsent(time)) return NaN;
    return this.track.at(time);
  }

  // The sum at the start of a window: a counter that the page saw come to life was zero before.
  before(time, opened) {
    if (time <= opened) return this.base;
    if (this.born > time) return 0;
    return this.track.at(time);
  }
}

// Parses labels in the notation of the text formats.
function parsed(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([A-Za-z_][\w]*)="((?:[^"\\]|\\.)*)"/gs)) {
    labels[name] = value.replace(/\\(.)/gs, (_, sign) => (sign === 'n' ? '\n' : sign));
  }
  return labels;
}

function keyOf(name, labels) {
  return `${name}\n${Object.entries(labels).sort().join('\n')}`;
}

function boundText(bound) {
  return bound === Infinity ? '+Inf' : String(bound);
}

class Store {
  constructor() {
    this.byName = new Map();
    this.known = new Map();
    // The times of all samples.
    this.ticks = new Track();
    this.opened = NaN;
    this.now = NaN;
    // A number that changes when there are other series.
    this.generation = 0;
    this.epoch = 0;
    this.boot = null;
    this.restarts = [];
    this.numbers = [];
    this.families = [];
    this.took = 0;
  }

  // The next event has all series again, with other numbers.
  reconnected() {
    this.numbers = [];
    this.families = [];
    this.isSnapshot = true;
  }

  series(name, labels, counts) {
    const key = keyOf(name, labels);
    return this.known.get(key) ?? this.add(key, name, new Series(name, labels, counts, this.now, this.now === this.opened));
  }

  // Gives the values of a series another name.
  alias(name, labels, of) {
    const key = keyOf(name, labels);
    if (this.known.has(key)) return;
    this.add(key, name, Object.create(of, { labels: { value: Object.freeze({ __name__: name, ...labels }) }, isAlias: { value: true } }));
  }

  add(key, name, series) {
    this.known.set(key, series);
    if (!this.byName.has(name)) this.byName.set(name, []);
    this.byName.get(name).push(series);
    this.generation += 1;
    return series;
  }

  // Takes an event of the server.
  take(event) {
    // A clock that goes back must not make time go back.
    this.now = Number.isNaN(this.now) ? event.now : Math.max(event.now, this.now + 1);
    if (Number.isNaN(this.opened)) this.opened = this.now;
    this.took = event.took;
    if (this.boot !== null && this.boot !== event.boot) {
      this.epoch += 1;
      this.restarts.push(this.now);
    }
    this.boot = event.boot;
    this.ticks.push(this.now, this.now);
    const seen = this.isSnapshot ? new Set() : null;
    for (const [number, name, kind, keys] of event.families ?? []) this.families[number] = { name, kind, keys };
    for (const [number, family, labels, keys] of event.series ?? []) {
      this.numbers[number] = this.parts(this.families[family], parsed(labels), (keys ?? this.families[family].keys).map(Number));
    }
    const set = (series, value) => {
      series.set(this.now, Number(value), this.epoch);
      seen?.add(series);
    };
    const values = event.values ?? [];
    for (let i = 0; i < values.length; i += 2) set(this.numbers[values[i]][0], values[i + 1]);
    for (const [number, ...values] of event.lists ?? []) {
      this.numbers[number].forEach((series, i) => {
        if (values[i] !== series.raw || series.track.length === 0 || seen || series.isGone) set(series, values[i]);
      });
    }
    for (const number of event.gone ?? []) {
      for (const series of this.numbers[number] ?? []) series.leave(this.now);
      this.numbers[number] = undefined;
    }
    if (seen) {
      for (const series of this.known.values()) if (!seen.has(series) && !series.isAlias) series.leave(this.now);
      this.isSnapshot = false;
    }
    this.forget(this.now - KEPT);
  }

  // The series of the values of one series of the server, in their order.
  parts({ name, kind }, labels, keys) {
    if (kind === 'histogram') {
      const bounds = [...keys, Infinity];
      const bucket = (bound) => this.series(`${name}_bucket`, { ...labels, le: boundText(bound) }, true);
      const isNew = (bound) => !this.known.has(keyOf(`${name}_bucket`, { ...labels, le: boundText(bound) }));
      const buckets = bounds.map((bound, i) => {
        if (!isNew(bound)) return bucket(bound);
        const lower = i > 0 ? bucket(bounds[i - 1]) : null;
        const made = bucket(bound);
        // A bucket within another one had the count of the one below it.
        if (lower && lower.track.length > 0 && this.now !== this.opened) {
          Object.assign(made, { track: lower.track.copy(), raw: lower.raw, offset: lower.offset, base: lower.base, born: lower.born, epoch: lower.epoch });
        }
        return made;
      });
      // The count is that of the last bucket.
      this.alias(`${name}_count`, labels, buckets.at(-1));
      return [this.series(`${name}_sum`, labels, true), ...buckets];
    }
    if (kind === 'summary') {
      const quantiles = keys.map((quantile) => this.series(name, { ...labels, quantile: String(quantile) }, false));
      return [this.series(`${name}_sum`, labels, true), this.series(`${name}_count`, labels, true), ...quantiles];
    }
    return [this.series(name, labels, kind === 'counter')];
  }

  forget(time) {
    this.ticks.forget(time);
    if ((this.forgotten ?? 0) > time - 10e3) return;
    this.forgotten = time;
    for (const [key, series] of this.known) {
      series.track.forget(time);
      // Nothing shows a series that left long ago.
      if (series.isGone && series.absences.at(-1)[0] < time) {
        this.known.delete(key);
        const name = series.labels.__name__;
        this.byName.set(name, this.byName.get(name).filter((other) => other !== series));
        this.generation += 1;
      }
    }
    this.restarts = this.restarts.filter((when) => when >= time);
  }

  // The last sample at or before this time.
  tickBefore(time) {
    return this.ticks.at(time);
  }

  // The sample that is nearest to the start of a window.
  startOf(end, window) {
    const time = end - window;
    if (time <= this.opened) return this.opened;
    const place = this.ticks.place(time);
    const [before, after] = [place, place + 1].map((place) => this.ticks.times[place]);
    return place < 0 || after - time < time - before ? after : before;
  }

  // The times of samples within these bounds, the first one excluded.
  within(from, to) {
    const [start, end] = [this.ticks.place(from) + 1, this.ticks.place(to) + 1];
    return this.ticks.times.subarray(Math.max(start, this.ticks.start), Math.max(end, this.ticks.start));
  }

  // The number of series of each metric, and of its samples.
  counts(name) {
    let count = 0;
    for (const suffix of ['', '_bucket', '_sum', '_count']) {
      for (const series of this.byName.get(name + suffix) ?? []) if (!series.isGone) count += 1;
    }
    return count;
  }
}

// promql.js
// Evaluates the queries of panels, which are trees, over the samples that the page has.
//
// A vector is a list of label sets and a list of values. A node returns the same object for the same label set every
// time, so that the nodes above can keep what they know about it.

const EMPTY = Object.freeze({});

// Fills in variables: `$name` and `${name}`. Others stay.
function filled(text, variables) {
  return text.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (all, braced, plain) => variables[braced ?? plain] ?? all);
}

// A regular expression of RE2 for the whole text.
function whole(pattern) {
  return new RegExp(`^(?:${pattern})$`, 's');
}

const COMPARE = {
  '=': (value) => (text) => text === value,
  '!=': (value) => (text) => text !== value,
  '=~': (value) => (text) => whole(value).test(text),
  '!~': (value) => (text) => !whole(value).test(text),
};

const ARITHMETIC = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

const COMPARISONS = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

const SETS = {
  and: (isInOther) => isInOther,
  unless: (isInOther) => !isInOther,
  or: null,
};

const AGGREGATIONS = {
  sum: { start: 0, add: (total, value) => total + value },
  max: { start: -Infinity, add: Math.max },
  min: { start: Infinity, add: Math.min },
  count: { start: 0, add: (total) => total + 1 },
  group: { start: 1, add: () => 1 },
  topk: null,
};

// Returns a function of a label set that computes its result once.
function remembered(compute) {
  const results = new WeakMap();
  return (labels) => {
    let result = results.get(labels);
    if (result === undefined) {
      result = compute(labels);
      results.set(labels, result);
    }
    return result;
  };
}

// Returns a function that gives the same object for equal label sets.
function interned() {
  const objects = new Map();
  return (pairs) => {
    const key = JSON.stringify(pairs);
    if (!objects.has(key)) objects.set(key, pairs.length > 0 ? Object.freeze(Object.fromEntries(pairs)) : EMPTY);
    return objects.get(key);
  };
}

function picked(labels, names) {
  return [...names].sort().filter((name) => (labels[name] ?? '') !== '').map((name) => [name, labels[name]]);
}

function others(labels, names) {
  return Object.entries(labels).filter(([name]) => name !== '__name__' && !names.includes(name)).sort();
}

function series([, metric, matchers], context) {
  const tests = matchers.map(([label, compare, value]) => {
    const test = COMPARE[compare](filled(value, context.variables));
    return (labels) => test(labels[label] ?? '');
  });
  let [generation, selected] = [-1, []];
  const select = () => {
    const { store } = context;
    if (generation === store.generation) return selected;
    generation = store.generation;
    const all = metric ? (store.byName.get(filled(metric, context.variables)) ?? []) : [...store.known.values()];
    selected = all.filter(({ labels }) => tests.every((test) => test(labels)));
    return selected;
  };
  const node = (time, mode) => {
    const [labels, values] = [[], []];
    for (const one of select()) {
      const value = mode === undefined ? one.at(time) : mode === 'total' ? one.total(time) : one.before(time, context.store.opened);
      if (Number.isNaN(value)) continue;
      labels.push(one.labels);
      values.push(value);
    }
    return { labels, values };
  };
  node.size = () => select().length;
  return node;
}

// The growth within a window, and its length in seconds.
function growth(argument, context, of) {
  const window = context.window(argument.at(-1));
  // The operand of a subquery is evaluated at both ends of the window.
  const operand = compiled(argument[0] === 'subquery' ? argument[1] : argument, context);
  const node = (time) => {
    const { store } = context;
    const end = store.tickBefore(time);
    const start = store.startOf(end, window);
    if (!(start < end)) return { labels: [], values: [] };
    const { labels, values } = operand(end, 'total');
    const before = operand(start, 'before');
    const places = new Map(before.labels.map((labels, i) => [labels, i]));
    const seconds = (end - start) / 1000;
    return { labels, values: values.map((value, i) => of(Math.max(0, value - (before.values[places.get(labels[i])] ?? 0)), seconds)) };
  };
  node.size = operand.size;
  return node;
}

// The rule of Prometheus: linear within a bucket, and at most the last finite bound.
function quantileOf(quantile, buckets) {
  buckets.sort((a, b) => a[0] - b[0]);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (buckets.length < 2 || buckets.at(-1)[0] !== Infinity || total === 0) return NaN;
  const rank = quantile * total;
  let place = buckets.findIndex(([, count]) => count >= rank);
  if (place < 0) place = buckets.length - 1;
  if (place === buckets.length - 1) return buckets.at(-2)[0];
  const end = buckets[place][0];
  if (place === 0 && end <= 0) return end;
  const [start, below] = place > 0 ? buckets[place - 1] : [0, 0];
  const within = buckets[place][1] - below;
  return within > 0 ? start + (end - start) * ((rank - below) / within) : end;
}

const FUNCTIONS = {
  rate: ([argument], context) => growth(argument, context, (value, seconds) => value / seconds),
  increase: ([argument], context) => growth(argument, context, (value) => value),
  time: () => (time) => time / 1000,
  vector: ([argument], context) => {
    const operand = compiled(argument, context);
    return (time) => ({ labels: [EMPTY], values: [operand(time)] });
  },
  histogram_quantile: ([quantile, argument], context) => {
    const [wanted, operand] = [compiled(quantile, context), compiled(argument, context)];
    const intern = interned();
    const split = remembered((labels) => [intern(others(labels, ['le'])), labels.le === '+Inf' ? Infinity : Number(labels.le)]);
    const node = (time) => {
      const groups = new Map();
      const { labels, values } = operand(time);
      labels.forEach((labels, i) => {
        const [group, bound] = split(labels);
        if (!groups.has(group)) groups.set(group, []);
        groups.get(group).push([bound, values[i]]);
      });
      const found = [...groups].map(([labels, buckets]) => [labels, quantileOf(wanted(time), buckets)]);
      const known = found.filter(([, value]) => !Number.isNaN(value));
      return { labels: known.map(([labels]) => labels), values: known.map(([, value]) => value) };
    };
    node.size = operand.size;
    return node;
  },
  label_replace: ([argument, ...texts], context) => {
    const [label, replacement, source, pattern] = texts.map(([, text]) => filled(text, { ...context.variables, 1: undefined }));
    const [regex, intern] = [whole(pattern), interned()];
    return relabelled(argument, context, (labels) => {
      const found = regex.exec(labels[source] ?? '');
      if (!found) return labels;
      const value = replacement.replace(/\$(?:\{(\d+)\}|(\d+))/g, (_, braced, plain) => found[braced ?? plain] ?? '');
      return intern(Object.entries({ ...labels, [label]: value }).sort());
    });
  },
  label_join: ([argument, ...texts], context) => {
    const [[label, separator, ...sources], intern] = [texts.map(([, text]) => text), interned()];
    const value = (labels) => sources.map((source) => labels[source] ?? '').join(separator);
    return relabelled(argument, context, (labels) => intern(Object.entries({ ...labels, [label]: value(labels) }).sort()));
  },
};

function relabelled(argument, context, change) {
  const operand = compiled(argument, context);
  const changed = remembered(change);
  const node = (time, mode) => {
    const { labels, values } = operand(time, mode);
    return { labels: labels.map(changed), values };
  };
  node.size = operand.size;
  return node;
}

function aggregate(operator, group, number, operand) {
  const node = (time, mode) => {
    const { labels, values } = operand(time, mode);
    const groups = new Map();
    if (operator === 'topk') {
      labels.forEach((labels, i) => {
        const key = group(labels);
        if (!groups.has(key)) groups.set(key, []);
        groups.get(key).push(i);
      });
      const places = [...groups.values()].flatMap((places) => places.sort((a, b) => values[b] - values[a]).slice(0, number));
      return { labels: places.map((place) => labels[place]), values: places.map((place) => values[place]) };
    }
    const { start, add } = AGGREGATIONS[operator];
    labels.forEach((labels, i) => {
      const key = group(labels);
      groups.set(key, add(groups.get(key) ?? start, values[i]));
    });
    return { labels: [...groups.keys()], values: [...groups.values()] };
  };
  node.size = operand.size;
  return node;
}

// The key by which the sides of an operation match: the labels in `on (..)`, or all but those in `ignoring (..)`.
function matching(modifier) {
  const list = (text) => text.split(',').map((label) => label.trim()).filter(Boolean);
  const on = /\bon \(([^)]*)\)/.exec(modifier);
  const ignoring = /\bignoring \(([^)]*)\)/.exec(modifier);
  return remembered((labels) => JSON.stringify(on ? picked(labels, list(on[1])) : others(labels, ignoring ? list(ignoring[1]) : [])));
}

function binary(operator, left, right, modifier) {
  const key = matching(modifier);
  const isVector = (value) => typeof value !== 'number';
  const compute = ARITHMETIC[operator];
  const holds = COMPARISONS[operator];
  // A comparison keeps the value of the left side.
  const value = compute ?? ((a, b) => (holds(a, b) ? a : NaN));
  const each = ({ labels, values }, of) => {
    const result = { labels: [], values: [] };
    values.forEach((one, i) => {
      const found = of(one, labels[i]);
      if (found === undefined || (holds && Number.isNaN(found))) return;
      result.labels.push(labels[i]);
      result.values.push(found);
    });
    return result;
  };
  const node = (time, mode) => {
    const [a, b] = [left(time, mode), right(time, mode)];
    if (!isVector(a) && !isVector(b)) return holds ? Number(holds(a, b)) : compute(a, b);
    if (!isVector(b)) return each(a, (one) => value(one, b));
    if (!isVector(a)) return each(b, (one) => (holds ? (holds(a, one) ? one : NaN) : compute(a, one)));
    const places = new Map(b.labels.map((labels, i) => [key(labels), i]));
    if (operator === 'or') {
      const taken = new Set(a.labels.map(key));
      const more = each(b, (one, labels) => (taken.has(key(labels)) ? undefined : one));
      return { labels: [...a.labels, ...more.labels], values: [...a.values, ...more.values] };
    }
    if (operator in SETS) return each(a, (one, labels) => (SETS[operator](places.has(key(labels))) ? one : undefined));
    return each(a, (one, labels) => {
      const place = places.get(key(labels));
      return place === undefined ? undefined : value(one, b.values[place]);
    });
  };
  node.size = () => (left.size?.() ?? 0) + (right.size?.() ?? 0);
  return node;
}

// Returns a function of a time that evaluates a query. `context` has the store, the variables, and the length of windows.
function compiled(expr, context) {
  if (typeof expr === 'number') return () => expr;
  const [kind, ...parts] = expr;
  switch (kind) {
    case 'number': {
      const value = { '+Inf': Infinity, '-Inf': -Infinity }[parts[0]] ?? NaN;
      return () => value;
    }
    case 'series': return series(expr, context);
    case 'call': {
      const [name, ...args] = parts;
      if (!FUNCTIONS[name]) throw new Error(`the page does not know the function ${name}`);
      return FUNCTIONS[name](args, context);
    }
    case 'aggregate': case 'without': {
      const [operator, labels] = parts;
      if (!(operator in AGGREGATIONS)) throw new Error(`the page does not know the aggregation ${operator}`);
      const intern = interned();
      const group = remembered((all) => intern(kind === 'aggregate' ? picked(all, labels) : others(all, labels)));
      return aggregate(operator, group, kind === 'aggregate' ? parts[2] : null, compiled(parts.at(-1), context));
    }
    case 'binary': {
      const [operator, left, right, modifier] = parts;
      if (![ARITHMETIC, COMPARISONS, SETS].some((known) => operator in known)) throw new Error(`the page does not know the operator ${operator}`);
      return binary(operator, compiled(left, context), compiled(right, context), modifier);
    }
    default: throw new Error(`the page does not know queries with ${kind}`);
  }
}

// units.js
// Numbers with units, as Grafana names them.

const THOUSANDS = [[1e-9, 'G'], [1e-6, 'M'], [1e-3, 'k'], [1, '']];
const BYTES = [[2 ** -40, 'TiB'], [2 ** -30, 'GiB'], [2 ** -20, 'MiB'], [2 ** -10, 'KiB'], [1, 'B']];
const TIMES = [[1 / 86400, 'd'], [1 / 3600, 'h'], [1 / 60, 'min'], [1, 's'], [1e3, 'ms'], [1e6, 'µs'], [1e9, 'ns']];
const SUFFIXES = { reqps: 'req/s', cps: '/s', celsius: '°C', volt: 'V', amp: 'A', joule: 'J', massg: 'g', lengthm: 'm' };

// Returns the factor and the suffix for numbers up to `most`.
function scale(unit, most) {
  const step = (list, suffix) => {
    const [factor, prefix] = list.find(([factor]) => most * factor >= 0.9995) ?? (most === 0 ? list.find(([factor]) => factor === 1) : list.at(-1));
    return { factor, suffix: `${prefix}${suffix}` };
  };
  switch (unit) {
    case 'percentunit': return { factor: 100, suffix: '%' };
    case 's': return step(TIMES, '');
    case 'bytes': return step(BYTES, '');
    case 'Bps': return step(BYTES, '/s');
    case 'short': case 'none': return step(most < 1e4 ? [[1, '']] : THOUSANDS, '');
    default: return step(most < 1e4 ? [[1, '']] : THOUSANDS, ` ${SUFFIXES[unit] ?? unit}`.trimEnd());
  }
}

// Formats with three significant digits.
function digits(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toString();
  if (size < 1e-4) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

function shown(value, unit, most = Math.abs(value)) {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  const { factor, suffix } = scale(unit, most);
  const isWord = /^[A-Za-zµ]/.test(suffix);
  return `${digits(value * factor)}${isWord ? ' ' : ''}${suffix}`;
}

function clock(time, withSeconds = true) {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...(withSeconds && { second: '2-digit' }), hour12: false });
}

// dom.js
// Elements and colors.

// Creates an element. `attributes` may have `text`, `on` with listeners, and any attribute.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') made.textContent = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

function drawing(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Dashes tell lines apart without their colors.
const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [14, 4]];

const PALETTES = {
  dark: ['#6cb6ff', '#ffb454', '#6fdca8', '#ff8fa3', '#c4a5ff', '#f2dc6b', '#5fd3e0', '#ff9de2', '#b9c97a', '#a3b3c9'],
  light: ['#1a66c9', '#b85b00', '#0a8354', '#c22547', '#6d40bd', '#7d6e00', '#0a7c8b', '#a92d86', '#586a1c', '#4d5c73'],
};
const NAMED = {
  dark: { green: '#5fce8b', yellow: '#f5cb4d', red: '#ff7383', blue: '#6cb6ff', purple: '#c4a5ff' },
  light: { green: '#157f45', yellow: '#9a6700', red: '#c62a3e', blue: '#1a66c9', purple: '#6d40bd' },
};

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
}

function colorOf(index, named) {
  return NAMED[theme()][named] ?? PALETTES[theme()][index % PALETTES.dark.length];
}

function dashOf(index) {
  return DASHES[index % DASHES.length];
}

function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A color with an opacity from 0 to 1.
function faded(color, opacity) {
  return color + Math.round(opacity * 255).toString(16).padStart(2, '0');
}

// history.js
// The results of the queries of a panel over time, in typed arrays.


const NOTHING = Object.freeze({});

// The largest number of lookups to fill in the past of a panel at once.
const BUDGET = 150e3;

class History {
  // `isTable` keeps one result of each query: tables have many, and show one.
  constructor(queries, context, isTable = false) {
    Object.assign(this, { context, isTable });
    this.queries = queries.map(({ expr, legend }) => ({ evaluate: compiled(expr, context), legend, columns: new Map(), found: new WeakMap() }));
    this.times = new Float64Array(isTable ? 1 : 256);
    this.length = 0;
    // The results in the order in which they appeared.
    this.columns = [];
  }

  // Evaluates the queries for all samples until now that they have not been evaluated for, or for the end of the picture.
  update(end) {
    const { store } = this.context;
    if (this.isTable) {
      const time = store.tickBefore(end);
      if (Number.isNaN(time) || (this.length > 0 && this.times[0] === time)) return;
      this.length = 0;
      for (const { values } of this.columns) values[0] = NaN;
      this.evaluate(time);
      return;
    }
    const last = this.length > 0 ? this.times[this.length - 1] : -Infinity;
    const due = store.within(Math.max(last, store.now - KEPT), store.now);
    const size = this.queries.reduce((sum, { evaluate }) => sum + (evaluate.size?.() ?? 1), 1);
    const step = Math.max(1, Math.ceil(due.length / Math.max(30, BUDGET / size)));
    // The last one is always among them.
    for (let i = (due.length - 1) % step; i < due.length; i += step) this.evaluate(due[i]);
  }

  evaluate(time) {
    if (this.length === this.times.length) this.makeRoom();
    const place = this.length;
    this.times[place] = time;
    this.length += 1;
    this.queries.forEach((query, index) => {
      const found = query.evaluate(time);
      const { labels, values } = typeof found === 'number' ? { labels: [NOTHING], values: [found] } : found;
      labels.forEach((labels, i) => {
        let column = query.found.get(labels);
        if (!column) {
          column = this.column(query, index, labels);
          query.found.set(labels, column);
        }
        column.values[place] = values[i];
      });
    });
  }

  // The column of a label set, which may come from either side of an operation.
  column(query, index, labels) {
    const key = JSON.stringify(Object.entries(labels).filter(([name]) => name !== '__name__').sort());
    let column = query.columns.get(key);
    if (!column) {
      column = { query: index, labels, name: named(query.legend, labels), values: new Float64Array(this.times.length).fill(NaN) };
      query.columns.set(key, column);
      this.columns.push(column);
    }
    return column;
  }

  // Forgets what is too old, or doubles the room.
  makeRoom() {
    const oldest = this.times[this.length - 1] - KEPT;
    const start = this.times.subarray(0, this.length).findIndex((time) => time >= oldest);
    const size = start > this.length / 4 ? this.times.length : this.times.length * 2;
    const moved = (old) => {
      const made = new Float64Array(size).fill(NaN);
      made.set(old.subarray(start, this.length));
      return made;
    };
    this.times = moved(this.times);
    for (const column of this.columns) column.values = moved(column.values);
    this.length -= start;
    // Results that have no value left, such as those that are no longer among the largest.
    const isKept = ({ values }) => values.some((value) => !Number.isNaN(value));
    this.columns = this.columns.filter(isKept);
    for (const query of this.queries) {
      query.found = new WeakMap();
      for (const [key, column] of query.columns) if (!isKept(column)) query.columns.delete(key);
    }
  }

  // The places of the times within these bounds.
  range(from, to) {
    if (this.isTable) return [0, this.length];
    const times = this.times.subarray(0, this.length);
    const first = times.findIndex((time) => time >= from);
    if (first < 0) return [0, 0];
    let end = this.length;
    while (end > first && times[end - 1] > to) end -= 1;
    return [first, end];
  }

  // The columns with a value within these places, those with the largest last values first if there are more than `max`.
  shown(start, end, max) {
    const found = this.columns.filter(({ values }) => {
      for (let i = end - 1; i >= start; i -= 1) if (!Number.isNaN(values[i])) return true;
      return false;
    });
    if (found.length <= max) return found;
    const last = ({ values }) => (Number.isNaN(values[end - 1]) ? -Infinity : values[end - 1]);
    return found.sort((a, b) => last(b) - last(a)).slice(0, max);
  }

  // The mean of a column between two times.
  mean(column, from, to) {
    const [start, end] = this.range(from, to);
    let [sum, count] = [0, 0];
    for (let i = start; i < end; i += 1) {
      const value = column.values[i];
      if (Number.isFinite(value)) [sum, count] = [sum + value, count + 1];
    }
    return count > 0 ? sum / count : NaN;
  }
}

// Replaces `{{label}}` in a legend, as Grafana does.
function named(legend, labels) {
  const text = legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '').replace(/\s+/g, ' ').trim();
  return text || (legend === '' ? Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ') : 'all');
}

// charts.js
// Charts of panels, drawn by uPlot.


/* global uPlot */

// The steps of an axis with bytes.
const POWERS = Array.from({ length: 52 }, (_, i) => 2 ** i);

// The height of a chart in pixels.
const HEIGHT = 170;

const FONT = '11px system-ui, sans-serif';

// Lines that are not in the data: restarts and the marked moment.
function drawMoments(plot, view, store) {
  const { ctx, bbox } = plot;
  const line = (time, color, dash, text) => {
    const x = Math.round(plot.valToPos(time, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.setLineDash(dash);
    ctx.lineWidth = devicePixelRatio * 1.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    const isNearEnd = x > bbox.left + bbox.width * 0.8;
    ctx.textAlign = isNearEnd ? 'right' : 'left';
    ctx.fillText(text, x + (isNearEnd ? -4 : 4) * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
    ctx.restore();
  };
  for (const time of store.restarts) line(time, variable('--accent'), [2, 4], 'restart');
  if (view.mark !== null) line(view.mark, variable('--text'), [8, 4], 'mark');
}

// Creates a plot in a box. `draw` draws what uPlot does not.
function plot(box, { view, store, series, values, range, draw, cursor, size, bands, splits, incrs, height = HEIGHT }) {
  const [text, grid] = [variable('--dim'), variable('--grid')];
  const axis = { stroke: text, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const made = new uPlot({
    width: Math.max(80, box.clientWidth),
    height,
    ms: 1,
    padding: [6, 30, 0, 0],
    legend: { show: false },
    scales: { x: { time: true, range: () => view.range() }, y: { range } },
    axes: [
      { ...axis, size: 26, gap: 4, space: 70, values: (_, times) => times.map((time) => clock(time, view.span() < 10 * 60e3)) },
      { ...axis, size, gap: 4, space: 28, values, ...(incrs && { incrs }), ...(splits && { splits, grid: { show: false } }) },
    ],
    series: [{}, ...series],
    bands,
    cursor: { sync: { key: 'live', setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    hooks: {
      draw: [(plot) => {
        draw?.(plot);
        drawMoments(plot, view, store);
      }],
      setCursor: [(plot) => cursor?.(plot.cursor.idx)],
      setSelect: [({ select }) => {
        if (select.width > 4) view.zoom(...[select.left, select.left + select.width].map((place) => made.posToVal(place, 'x')));
        made.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  }, [[], ...series.map(() => [])], box);
  return made;
}

function nulls(values, start, end) {
  const made = new Array(end - start);
  for (let i = start; i < end; i += 1) made[i - start] = Number.isFinite(values[i]) ? values[i] : null;
  return made;
}

// Lines, or areas on top of each other.
class Lines {
  constructor(panel, box, app) {
    Object.assign(this, { panel, box, app, shape: '' });
  }

  draw(history, [start, end], columns) {
    const { panel, app } = this;
    const stacked = panel.kind === 'stacked';
    const visible = columns.filter((column) => !panel.hidden?.has(column.name));
    const shape = `${document.documentElement.dataset.theme}${visible.map(({ name, query }) => `${query} ${name}`).join('\n')}`;
    const style = (column) => panel.style(column, columns);
    if (shape !== this.shape || !this.plot) {
      this.plot?.destroy();
      this.shape = shape;
      const series = visible.map((column) => {
        const { color, dash } = style(column);
        return { stroke: color, dash, width: 1.6, points: { show: false }, fill: !stacked && visible.length === 1 ? faded(color, 0.12) : undefined, spanGaps: false };
      });
      const bands = stacked ? visible.map((column, i) => ({ series: [i + 1, i + 2], fill: faded(style(column).color, 0.28) })).slice(0, -1) : undefined;
      if (stacked && series.length > 0) series.at(-1).fill = faded(style(visible.at(-1)).color, 0.28);
      this.plot = plot(this.box, {
        view: app.view, store: app.store, series, bands,
        range: (_, min, max) => this.limits(min, max),
        values: (_, ticks) => {
          const { factor, suffix } = scale(panel.unit, Math.max(...ticks.map(Math.abs), 0));
          return ticks.map((tick) => `${digits(tick * factor)}${suffix === '%' ? '%' : suffix && ` ${suffix.trim()}`}`);
        },
        cursor: (place) => panel.pointed(place === null || place === undefined ? null : place),
        size: 68,
        incrs: ['bytes', 'Bps'].includes(panel.unit) ? POWERS : undefined,
      });
    }
    let data = visible.map(({ values }) => nulls(values, start, end));
    if (stacked) {
      // The first of the legend is on top.
      const sum = new Array(end - start).fill(0);
      for (let k = data.length - 1; k >= 0; k -= 1) data[k] = data[k].map((value, i) => (sum[i] += value ?? 0));
    }
    data = [Array.from(history.times.subarray(start, end)), ...data];
    this.plot.setData(data);
    this.marks = data.slice(1).reduce((sum, values) => sum + values.filter((value) => value !== null).length, 0);
  }

  limits(min, max) {
    if (min === null || max === null) return [0, 1];
    const low = this.panel.signed ? Math.min(0, min) : 0;
    if (max <= low) return [low, low + 1];
    return [low, low + (max - low) * 1.08];
  }

  resize() {
    this.plot?.setSize({ width: Math.max(80, this.box.clientWidth), height: this.height ?? HEIGHT });
  }
}

// A picture of cells: rows over time.
class Cells {
  constructor(panel, box, app) {
    Object.assign(this, { panel, box, app, rows: [] });
  }

  // Calls `each` with the row, the place of a time, and the position of a cell in the picture.
  cells(plot, each) {
    const { bbox } = plot;
    const x = (time) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(time, 'x', true)));
    const { times, start, end } = this;
    for (let i = start; i < end; i += 1) {
      const until = i + 1 < end ? times[i + 1] : Math.min(times[i] + (i > start ? times[i] - times[i - 1] : 1000), this.app.view.range()[1]);
      const [left, right] = [x(times[i]), x(until)];
      if (right <= left) continue;
      for (let row = 0; row < this.rows.length; row += 1) {
        const [top, bottom] = [plot.valToPos(row + 1, 'y', true), plot.valToPos(row, 'y', true)];
        each(row, i, { left, top, width: right - left, height: bottom - top });
      }
    }
  }

  show(history, [start, end], rows, settings) {
    Object.assign(this, { times: history.times, start, end });
    const shape = `${document.documentElement.dataset.theme}${rows.map(({ name }) => name).join('\n')}`;
    this.rows = rows;
    if (shape !== this.shape || !this.plot) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = plot(this.box, {
        view: this.app.view, store: this.app.store,
        series: [{ stroke: 'transparent', points: { show: false }, paths: () => null }],
        range: () => [0, Math.max(1, this.rows.length)],
        draw: (plot) => this.picture(plot),
        cursor: (place) => this.panel.pointed(place ?? null),
        ...settings,
      });
    }
    this.plot.setData([Array.from(history.times.subarray(start, end)), new Array(end - start).fill(0)]);
  }

  resize() {
    this.plot?.setSize({ width: Math.max(80, this.box.clientWidth), height: this.height ?? HEIGHT });
  }
}

// The rates of buckets: the more, the stronger.
class Heatmap extends Cells {
  draw(history, range, columns) {
    const bound = ({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le));
    const rows = [...columns].sort((a, b) => bound(a) - bound(b));
    this.bounds = rows.map(bound);
    const unit = this.panel.unit;
    const values = (_, ticks) => ticks.map((tick) => {
      const bound = this.bounds[tick - 1];
      if (!Number.isInteger(tick) || bound === undefined) return '';
      if (bound === Infinity) return '∞';
      const { factor, suffix } = scale(unit, bound);
      return `${digits(bound * factor)} ${suffix}`;
    });
    this.show(history, range, rows, { size: 68, values });
  }

  picture(plot) {
    const { ctx } = plot;
    const color = colorOf(1);
    const value = (row, i) => Math.max(0, (this.rows[row].values[i] || 0) - (row > 0 ? this.rows[row - 1].values[i] || 0 : 0));
    let most = 0;
    for (let i = this.start; i < this.end; i += 1) for (let row = 0; row < this.rows.length; row += 1) most = Math.max(most, value(row, i));
    this.marks = 0;
    this.most = most;
    ctx.save();
    this.cells(plot, (row, i, { left, top, width, height }) => {
      const share = value(row, i) / most;
      if (!(share > 0.001)) return;
      ctx.fillStyle = faded(color, 0.12 + 0.88 * Math.sqrt(share));
      ctx.fillRect(left, top + 1, width + 0.5, Math.max(1, height - 1));
      this.marks += 1;
    });
    ctx.restore();
  }
}

// The states of circuit breakers: each stretch has a color, a pattern and its name.
class States extends Cells {
  draw(history, range, columns) {
    const rows = [...columns].reverse();
    this.height = 34 + 38 * Math.min(rows.length, 12);
    this.box.style.height = `${this.height}px`;
    this.show(history, range, rows, {
      size: 92, height: this.height,
      // Names are in the middle of their rows.
      splits: () => this.rows.map((_, i) => i + 0.5),
      values: () => this.rows.map(({ name }) => (name.length > 14 ? `${name.slice(0, 13)}…` : name)),
    });
  }

  picture(plot) {
    const { ctx } = plot;
    const states = this.app.model.states;
    const stretches = this.rows.map(() => []);
    this.cells(plot, (row, i, cell) => {
      const value = this.rows[row].values[i];
      const last = stretches[row].at(-1);
      if (Number.isNaN(value)) return;
      if (last && last.value === value && Math.abs(last.left + last.width - cell.left) < 2) last.width = cell.left + cell.width - last.left;
      else stretches[row].push({ ...cell, value });
    });
    this.marks = stretches.flat().length;
    ctx.save();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    for (const { left, top, width, height, value } of stretches.flat()) {
      const [name, named] = states[value] ?? [String(value)];
      const gap = Math.min(6, height * 0.12);
      const color = colorOf(0, named);
      ctx.fillStyle = faded(color, value === 0 ? 0.3 : 0.5);
      ctx.fillRect(left, top + gap, width, height - 2 * gap);
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top + gap, width, height - 2 * gap);
      ctx.clip();
      if (value !== 0) {
        // Stripes, for those who do not see the color.
        ctx.strokeStyle = faded(color, 0.9);
        ctx.lineWidth = devicePixelRatio;
        const step = (value === 1 || value === 4 ? 6 : 12) * devicePixelRatio;
        for (let x = left - height; x < left + width; x += step) {
          ctx.beginPath();
          ctx.moveTo(x, top + height);
          ctx.lineTo(x + height, top);
          ctx.stroke();
        }
      }
      const room = ctx.measureText(name).width + 12;
      if (width > room) {
        ctx.fillStyle = faded(variable('--panel'), 0.8);
        if (value !== 0) ctx.fillRect(left + 3, top + height / 2 - 8 * devicePixelRatio, room - 4, 16 * devicePixelRatio);
        ctx.fillStyle = variable('--text');
        ctx.fillText(name, left + 7, top + height / 2);
      }
      ctx.restore();
    }
    ctx.restore();
  }
}

// A small line without axes.
class Spark {
  constructor(box) {
    this.canvas = element('canvas', { class: 'spark', 'aria-hidden': 'true' });
    box.append(this.canvas);
  }

  draw(history, [start, end], column, view) {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.max(1, size * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const ctx = canvas.getContext('2d');
    ctx.clearRect(0, 0, width, height);
    const values = column.values.subarray(start, end);
    const most = values.reduce((most, value) => (value > most ? value : most), 0) || 1;
    const [from, to] = view.range();
    const point = (i) => [((history.times[start + i] - from) / (to - from)) * width, height - 2 - (values[i] / most) * (height - 4)];
    ctx.strokeStyle = colorOf(0);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    let [isOpen, last] = [false, 0];
    values.forEach((value, i) => {
      if (Number.isNaN(value)) {
        isOpen = false;
        return;
      }
      const [x, y] = point(i);
      if (isOpen) ctx.lineTo(x, y);
      else ctx.moveTo(x, y);
      [isOpen, last] = [true, x];
    });
    ctx.stroke();
    return last;
  }
}

// panels.js
// The panels of the page.


const CHARTS = { lines: Lines, stacked: Lines, heatmap: Heatmap, states: States };

// The largest number of lines in one chart.
const MAX_LINES = 24;

// The largest number of rows of a table.
const MAX_ROWS = 1000;

// The texts of values above limits, for those who do not see the colors.
const LEVELS = [['', 'ok'], ['▲', 'high'], ['■', 'too high']];

function level(value, limits) {
  if (!limits || Number.isNaN(value)) return 0;
  return value >= limits[1] ? 2 : value >= limits[0] ? 1 : 0;
}

// A panel with its element. `isInView` says if it can be seen.
class Panel {
  constructor(model, app) {
    const { draw, ...settings } = model;
    Object.assign(this, settings, { kind: draw, app, hidden: new Set(), isInView: false, place: null });
    this.heading = element('h3', { text: model.title });
    this.body = element('div', { class: 'body' });
    const info = plain(model.about);
    this.root = element('article', { class: `panel ${model.draw}${model.queries.length > 1 ? ' several' : ''}`, tabindex: '0', 'aria-label': `${model.title}. ${info}` });
    const links = [];
    if (model.subject && app.view.focus?.value !== model.subject) {
      links.push(element('button', {
        class: 'focus', title: `Show ${model.subject} alone`, 'aria-label': `Show ${model.subject} alone`, text: '⤢',
        on: { click: () => app.focus('function', model.subject) },
      }));
    }
    this.root.append(element('header', { title: info }, this.heading, ...links), this.body);
    this.root.style.setProperty('--width', model.width);
    this.reset();
  }

  get context() {
    const { app } = this;
    return { store: app.store, variables: { ...app.model.variables, route: app.route() }, window: (name) => (name === '$opened' ? Infinity : app.view.window) };
  }

  // Forgets all results, because the variables have changed.
  reset() {
    try {
      this.history = new History(this.queries, this.context, this.kind === 'table');
    } catch (error) {
      this.history = null;
      this.body.replaceChildren(element('p', { class: 'empty', text: error.message }));
    }
  }

  restyle() {
    this.chart?.plot?.destroy();
    this.chart = null;
    this.lines = null;
    this.body.replaceChildren();
  }

  resize(width) {
    if (width === this.drawnWidth) return;
    this.drawnWidth = width;
    this.chart?.resize();
  }

  // Moves the pointer by one sample.
  step(by) {
    const plot = this.chart?.plot;
    if (!plot) return;
    const [start, end] = this.range;
    const place = Math.min(end - start - 1, Math.max(0, (this.place ?? end - start - 1) + by));
    plot.setCursor({ left: plot.valToPos(this.history.times[start + place], 'x'), top: 20 });
  }

  style(column, columns) {
    const index = columns.indexOf(column);
    const named = this.colors?.[column.name];
    return { color: colorOf(index, named), dash: dashOf(named ? index : Math.floor(index / 10) + index) };
  }

  update() {
    this.history?.update(this.app.view.range()[1]);
  }

  draw() {
    if (!this.history) return;
    const { history, app } = this;
    const range = history.range(...app.view.range());
    this.range = range;
    this.columnsShown = history.shown(...range, this.kind === 'heatmap' ? Infinity : MAX_LINES);
    if (this.kind === 'stat') this.drawStat();
    else if (this.kind === 'table') this.drawTable();
    else this.drawChart();
  }

  // The value of a column under the pointer, or the last one.
  value(column) {
    const [start, end] = this.range;
    const place = this.place === null ? end - 1 : start + this.place;
    return column.values[Math.min(place, end - 1)] ?? NaN;
  }

  pointed(place) {
    this.place = place;
    this.drawLegend();
  }

  drawChart() {
    const columns = this.columnsShown;
    if (columns.length === 0) {
      this.restyle();
      this.body.append(element('p', { class: 'empty', text: this.empty || 'no data yet' }));
      return;
    }
    if (!this.chart) {
      this.body.replaceChildren();
      const box = element('div', { class: 'chart', role: 'img' });
      this.legend = element('div', { class: 'legend' });
      this.body.append(box, this.legend);
      this.chart = new CHARTS[this.kind](this, box, this.app);
      this.box = box;
    }
    this.chart.draw(this.history, this.range, columns);
    this.drawLegend();
    const values = columns.slice(0, 6).map((column) => `${column.name} ${this.text(column)}`);
    this.box.setAttribute('aria-label', `${this.title}: ${values.join(', ')}`);
  }

  text(column) {
    const value = this.value(column);
    if (this.kind === 'states') return this.app.model.states[value]?.[0] ?? '–';
    return shown(value, this.unit);
  }

  drawLegend() {
    if (!this.legend || !this.columnsShown) return;
    const columns = this.columnsShown;
    if (this.kind === 'heatmap') {
      const most = this.chart.most;
      this.legend.replaceChildren(element('span', { class: 'note', text: most > 0 ? `strongest: ${shown(most, 'cps')} in one bucket` : 'no observations' }));
      return;
    }
    const compare = this.app.view.compared();
    const entries = columns.map((column) => {
      const { color, dash } = this.style(column, columns);
      const line = drawing('svg', { width: 22, height: 8, viewBox: '0 0 22 8', 'aria-hidden': 'true' },
        drawing('line', { x1: 0, y1: 4, x2: 22, y2: 4, stroke: color, 'stroke-width': 2.5, 'stroke-dasharray': dash.join(' ') || 'none' }));
      const isHidden = this.hidden.has(column.name);
      const parts = [...(this.kind === 'states' ? [] : [line]), element('span', { class: 'name', text: column.name })];
      if (compare && this.kind !== 'states') {
        const [before, after] = compare.map(([from, to]) => this.history.mean(column, from, to));
        const change = before > 0 ? ((after - before) / before) * 100 : NaN;
        const sign = Number.isNaN(change) ? '' : ` (${change >= 0 ? '+' : '−'}${Math.abs(change).toFixed(0)} %)`;
        parts.push(element('b', { text: `${shown(before, this.unit)} → ${shown(after, this.unit)}${sign}` }));
      } else {
        parts.push(element('b', { text: this.text(column) }));
      }
      return element('button', {
        class: isHidden ? 'off' : '', 'aria-pressed': String(!isHidden), title: `Show or hide ${column.name}`,
        on: { click: () => this.toggle(column.name) },
      }, ...parts);
    });
    // Focus stays where it was.
    const focused = [...this.legend.children].indexOf(document.activeElement);
    this.legend.replaceChildren(...entries);
    if (focused >= 0) this.legend.children[focused]?.focus();
    const total = this.history.columns.length;
    if (total > columns.length && columns.length >= MAX_LINES) {
      this.legend.append(element('span', { class: 'note', text: `the ${columns.length} largest of ${total}` }));
    }
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.draw();
  }

  drawStat() {
    const columns = this.columnsShown;
    const [start, end] = this.range;
    if (this.body.children.length === 0) {
      this.numbers = element('div', { class: 'numbers' });
      this.body.append(this.numbers);
      this.spark = new Spark(this.body);
    }
    const compare = this.app.view.compared();
    const numbers = columns.filter((column) => end > start && !Number.isNaN(column.values[end - 1])).map((column) => {
      const value = column.values[end - 1];
      const [sign, text] = LEVELS[level(value, this.limits)];
      const number = element('span', { class: `number level${level(value, this.limits)}`, title: this.limits ? text : '' });
      if (columns.length > 1) number.append(element('small', { text: column.name }));
      number.append(element('b', { text: `${sign && `${sign} `}${shown(value, this.unit)}` }));
      if (compare) {
        const [before, after] = compare.map(([from, to]) => shown(this.history.mean(column, from, to), this.unit));
        number.append(element('small', { text: `${before} → ${after}` }));
      }
      return number;
    });
    this.numbers.replaceChildren(...(numbers.length > 0 ? numbers : [element('span', { class: 'number none' }, element('b', { text: this.empty || '–' }))]));
    if (columns.length > 0) this.spark.draw(this.history, this.range, columns.at(-1), this.app.view);
  }

  // The rows of a table: one for each label set, with a value of each query.
  rows() {
    const [start, end] = this.range;
    if (end <= start) return [];
    if (!this.columns) return this.history.columns.filter(({ values }) => !Number.isNaN(values[end - 1])).map(({ labels }) => ({ labels, values: [] }));
    const rows = new Map();
    for (const { query, labels, values } of this.history.columns) {
      const key = Object.entries(labels).filter(([name]) => name !== '__name__').map(([, value]) => value).join(' ');
      if (!rows.has(key)) rows.set(key, { labels, values: [] });
      rows.get(key).values[query] = values[end - 1];
    }
    return [...rows.values()].filter(({ values }) => values.some((value) => value !== undefined && !Number.isNaN(value)));
  }

  drawTable() {
    const rows = this.rows();
    if (rows.length === 0) {
      this.lines = null;
      this.body.replaceChildren(element('p', { class: 'empty', text: this.empty || 'no data yet' }));
      return;
    }
    if (!this.columns) {
      const pairs = rows.flatMap(({ labels }) => Object.entries(labels).filter(([, value]) => value !== ''));
      this.body.replaceChildren(element('dl', {}, ...pairs.map(([name, value]) => element('div', {}, element('dt', { text: name }), element('dd', { text: value })))));
      return;
    }
    const label = Object.keys(rows[0].labels).find((name) => name !== '__name__') ?? '';
    const kind = label === 'function' ? 'function' : label === this.app.model.route ? 'route' : null;
    // Failures are first.
    const limited = this.columns.findIndex(({ limits }) => limits);
    this.sort ??= { column: limited >= 0 ? limited : Math.min(1, this.columns.length - 1), isDown: true };
    const { column, isDown } = this.sort;
    const name = ({ labels }) => labels[label] ?? 'all';
    const order = (a, b) => {
      const compared = column < 0 ? name(b).localeCompare(name(a)) : (a.values[column] || 0) - (b.values[column] || 0);
      return (isDown ? -compared : compared) || name(a).localeCompare(name(b));
    };
    if (!this.lines) {
      this.lines = new Map();
      this.head = element('tr');
      this.table = element('tbody');
      this.body.replaceChildren(element('div', { class: 'scroll' }, element('table', {}, element('thead', {}, this.head), this.table)));
      this.drawHead(label);
    }
    const largest = this.columns.map((_, i) => Math.max(...rows.map(({ values }) => values[i] || 0)));
    const sorted = rows.sort(order).slice(0, MAX_ROWS).map((row) => {
      const line = this.line(name(row), kind);
      this.columns.forEach(({ unit, limits }, i) => this.fill(line.cells[i], row.values[i] ?? NaN, unit, limits, largest[i]));
      return line.root;
    });
    // Rows are moved only if their order changes, because that takes the focus away.
    const focused = document.activeElement;
    if (sorted.length !== this.table.children.length || sorted.some((row, i) => row !== this.table.children[i])) {
      this.table.replaceChildren(...sorted);
      if (this.table.contains(focused)) focused.focus({ preventScroll: true });
    }
  }

  drawHead(label) {
    const { column, isDown } = this.sort;
    const cells = [label, ...this.columns.map(({ title }) => title)].map((title, i) => {
      const isSorted = i - 1 === column;
      const button = element('button', { text: `${title}${isSorted ? (isDown ? ' ↓' : ' ↑') : ''}`, on: { click: () => {
        this.sort = { column: i - 1, isDown: isSorted ? !isDown : true };
        this.drawHead(label);
        this.head.children[i].firstChild.focus();
        this.draw();
      } } });
      return element('th', { scope: 'col', 'aria-sort': isSorted ? (isDown ? 'descending' : 'ascending') : 'none' }, button);
    });
    this.head.replaceChildren(...cells);
  }

  // The line of a table with this name.
  line(name, kind) {
    let line = this.lines.get(name);
    if (!line) {
      const first = kind ? element('button', { class: 'link', text: name, title: `Show ${name} alone`, on: { click: () => this.app.focus(kind, name) } }) : name;
      const cells = this.columns.map(() => element('td'));
      line = { root: element('tr', {}, element('th', { scope: 'row' }, first), ...cells), cells };
      this.lines.set(name, line);
    }
    return line;
  }

  fill(cell, value, unit, limits, largest) {
    const step = level(value, limits);
    const [sign] = LEVELS[step];
    const text = value === 0 ? '0' : `${sign && `${sign} `}${shown(value, unit)}`;
    if (cell.textContent !== text) {
      cell.textContent = text;
      cell.className = `level${step}${value ? '' : ' zero'}`;
    }
    const share = largest > 0 && value > 0 ? (value / largest).toFixed(2) : '0';
    if (cell.share !== share) {
      cell.share = share;
      cell.style.setProperty('--share', share);
    }
  }

  // What is on screen, for downloads and tests.
  series() {
    if (!this.history || !this.range) return [];
    const [start, end] = this.range;
    const columns = this.columns ? this.history.columns : this.columnsShown ?? [];
    return columns.map((column) => ({
      query: column.query, name: this.columns ? Object.values(column.labels).at(-1) ?? '' : column.name, labels: column.labels,
      times: this.history.times.subarray(start, end), values: column.values.subarray(start, end),
    }));
  }
}

// Returns the text of a description, which is Markdown.
function plain(about) {
  return about.replace(/`/g, '').replace(/&lt;/g, '<').replace(/&#36;/g, '$').replace(/&amp;/g, '&').replace(/\n+/g, '\n');
}

// objectives.js
// Objectives, with what is left of their error budgets since the page was opened.


class Objectives {
  constructor(objectives, app) {
    this.app = app;
    const context = { store: app.store, variables: app.model.variables, window: () => Infinity };
    this.entries = objectives.map((objective) => {
      const [bar, left, text] = [element('i'), element('b', { class: 'left' }), element('p', { class: 'counts' })];
      const meter = element('div', { class: 'meter', role: 'meter', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-label': `error budget of ${objective.id}` }, bar);
      const title = element('h3', { text: capital(objective.about) });
      const promise = element('p', { text: `At most ${digits(100 - objective.percent)} % may ${objective.fault}` });
      const root = element('article', { class: 'panel objective', tabindex: '0' }, element('header', {}, title), element('div', { class: 'body' }, promise, element('div', { class: 'budget' }, meter, left), text));
      return { objective, root, bar, left, text, meter, total: compiled(objective.total, context), bad: compiled(objective.bad, context) };
    });
  }

  draw() {
    const { store } = this.app;
    for (const { objective, bar, left, text, meter, total, bad } of this.entries) {
      const [all, failed] = [total, bad].map((evaluate) => Math.max(0, evaluate(store.now).values?.[0] ?? 0));
      const allowed = 1 - objective.percent / 100;
      const share = all > 0 ? 1 - failed / all / allowed : NaN;
      const isSpent = share < 0;
      const percent = Number.isNaN(share) ? null : Math.max(0, share * 100);
      bar.style.width = `${percent ?? 100}%`;
      meter.className = `meter ${percent === null ? 'none' : isSpent ? 'spent' : percent < 25 ? 'low' : ''}`;
      meter.setAttribute('aria-valuenow', String(Math.round(percent ?? 100)));
      left.textContent = percent === null ? 'no calls yet' : isSpent ? `■ spent ${digits(failed / all / allowed)} ×` : `${percent < 25 ? '▲ ' : ''}${digits(percent)} % left`;
      const minutes = Math.max(1, Math.round((store.now - store.opened) / 60e3));
      text.textContent = `${Math.round(failed)} bad of ${Math.round(all)} in ${minutes} min`;
    }
  }
}

function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

// catalogue.js
// The table of all metrics.


class Catalogue {
  constructor(app) {
    this.app = app;
    this.count = element('span', { class: 'note', role: 'status' });
    this.input = element('input', {
      type: 'search', placeholder: 'name, help, label, kind or file', 'aria-label': 'Search metrics', spellcheck: 'false',
      on: { input: () => {
        app.view.search = this.input.value;
        app.view.write();
        this.draw(true);
      } },
    });
    this.input.value = app.view.search;
    const head = ['Metric', 'Kind', 'Labels', 'Series', 'Now', 'Declared at'].map((title) => element('th', { scope: 'col', text: title }));
    this.rows = element('tbody');
    this.root = element('section', { class: 'catalogue', 'aria-label': 'All metrics' },
      element('div', { class: 'searchbar' }, this.input, this.count),
      element('div', { class: 'scroll' }, element('table', {}, element('thead', {}, element('tr', {}, ...head)), this.rows)));
  }

  // The sum of all series of a counter or gauge, or the number of observations.
  total({ name, kind }) {
    const { store } = this.app;
    const sample = ['histogram', 'summary'].includes(kind) ? `${name}_count` : name;
    const all = (store.byName.get(sample) ?? []).map((series) => series.at(store.now)).filter((value) => !Number.isNaN(value));
    return all.length > 0 ? all.reduce((sum, value) => sum + value, 0) : NaN;
  }

  draw(isNew = false) {
    const { model, store, view } = this.app;
    const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
    const text = ({ name, kind, help, labels, places }) => [name, kind, help, ...labels.map(([label]) => label), ...places].join(' ').toLowerCase();
    if (isNew || this.model !== model) {
      this.model = model;
      const found = model.metrics.filter((metric) => words.every((word) => text(metric).includes(word)));
      this.count.textContent = `${found.length} of ${model.metrics.length} metrics`;
      this.shown = found.map((metric) => {
        const cells = { series: element('td'), now: element('td') };
        const labels = metric.labels.map(([label, known]) => element('code', { text: label, title: known === null ? 'values are known at run time' : `${known} known values` }));
        const row = element('tr', {},
          element('th', { scope: 'row' }, element('code', { text: metric.name }), element('small', { text: metric.help })),
          element('td', { text: metric.unit ? `${metric.kind}, ${metric.unit}` : metric.kind }),
          element('td', { class: 'labels' }, ...labels), cells.series, cells.now,
          element('td', { class: 'places' }, ...metric.places.map((place) => element('code', { text: place }))));
        return { metric, row, cells };
      });
      this.rows.replaceChildren(...this.shown.map(({ row }) => row));
    }
    for (const { metric, cells } of this.shown) {
      const count = store.counts(metric.name);
      const isNear = metric.limit !== null && metric.limit > 10 && count > metric.limit * 0.8 && metric.limited.startsWith('up to');
      cells.series.textContent = `${isNear ? '▲ ' : ''}${count}`;
      cells.series.append(element('small', { text: metric.limited === 'not known' ? '' : `of ${metric.limited.replace(/`/g, '')}` }));
      cells.now.textContent = metric.kind === 'info' ? '' : shown(this.total(metric), metric.unit === 'seconds' && metric.kind !== 'histogram' ? 's' : metric.unit === 'bytes' && metric.kind !== 'histogram' ? 'bytes' : 'short');
    }
  }
}

// downloads.js
// Downloads of what is on screen.


function save(name, blob) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
}

function stamp(app) {
  return `${app.model.service}-${new Date(app.view.range()[1]).toISOString().slice(0, 19).replace(/[:T]/g, '-')}`;
}

// One line for each value, with the time, the row, the panel, the series and the unit.
function csv(panels) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const lines = ['time,panel,series,unit,value'];
  for (const panel of panels) {
    for (const { query, name, times, values } of panel.series()) {
      const unit = panel.columns ? panel.columns[query].unit : panel.unit;
      const series = panel.columns ? `${name} ${panel.columns[query].title}` : name;
      for (let i = 0; i < values.length; i += 1) {
        if (Number.isNaN(values[i])) continue;
        lines.push([new Date(times[i]).toISOString(), quoted(panel.title), quoted(series), unit, String(values[i])].join(','));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function saveCsv(app) {
  save(`${stamp(app)}.csv`, new Blob([csv(app.seen())], { type: 'text/csv' }));
}

// Draws the panels that can be seen, as they are on screen.
function picture(app) {
  const panels = app.seen();
  const boxes = panels.map((panel) => panel.root.getBoundingClientRect());
  const [left, top] = ['left', 'top'].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = ['right', 'bottom'].map((side) => Math.max(...boxes.map((box) => box[side])));
  const ratio = devicePixelRatio;
  const canvas = Object.assign(document.createElement('canvas'), { width: (right - left + 32) * ratio, height: (bottom - top + 64) * ratio });
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  ctx.fillStyle = variable('--page');
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = variable('--text');
  ctx.font = '600 14px system-ui, sans-serif';
  const [from, to] = app.view.range();
  ctx.fillText(`${app.model.service}   ${new Date(to).toLocaleDateString()} ${clock(from)} to ${clock(to)}`, 16, 26);
  ctx.translate(16 - left, 44 - top);
  for (const [i, panel] of panels.entries()) {
    const box = boxes[i];
    ctx.fillStyle = variable('--panel');
    ctx.fillRect(box.left, box.top, box.width, box.height);
    const walker = document.createTreeWalker(panel.root, NodeFilter.SHOW_TEXT);
    for (const canvas of panel.root.querySelectorAll('canvas')) {
      const place = canvas.getBoundingClientRect();
      if (canvas.width > 0 && place.width > 0) ctx.drawImage(canvas, place.left, place.top, place.width, place.height);
    }
    for (const line of panel.root.querySelectorAll('.legend line')) {
      const place = line.ownerSVGElement.getBoundingClientRect();
      ctx.strokeStyle = line.getAttribute('stroke');
      ctx.lineWidth = 2.5;
      ctx.setLineDash(line.getAttribute('stroke-dasharray').split(' ').map(Number).filter(Boolean));
      ctx.beginPath();
      ctx.moveTo(place.left, place.top + place.height / 2);
      ctx.lineTo(place.right, place.top + place.height / 2);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const place = range.getBoundingClientRect();
      if (place.width === 0 || place.bottom > box.bottom || node.parentElement.closest('.focus')) continue;
      const style = getComputedStyle(node.parentElement);
      ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      ctx.fillStyle = style.color;
      ctx.textBaseline = 'middle';
      ctx.fillText(node.textContent, place.left, place.top + place.height / 2, place.width);
    }
  }
  return canvas;
}

function savePicture(app) {
  picture(app).toBlob((blob) => save(`${stamp(app)}.png`, blob));
}

// stream.js
// The stream of events, with the token that was typed into the page.

const TOKEN = 'metrics-live-token';

// The longest pause before another attempt, in milliseconds.
const MAX_PAUSE = 5000;

class Stream {
  // `on` has `event`, `status` and `unauthorized`.
  constructor(base, on) {
    Object.assign(this, { base, on, interval: 1, attempt: 0, controller: null });
  }

  // The token stays in the memory of the tab until it is closed.
  get token() {
    return sessionStorage.getItem(TOKEN);
  }

  set token(token) {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  }

  fetch(path, options = {}) {
    const headers = this.token ? { authorization: `Bearer ${this.token}` } : {};
    return fetch(`${this.base}/${path}`, { headers, cache: 'no-store', ...options });
  }

  async json(path) {
    const response = await this.fetch(path);
    if (response.status === 401) {
      this.on.unauthorized();
      return null;
    }
    if (!response.ok) throw new Error((await response.text()).trim());
    return response.json();
  }

  // Starts again, for example with another interval.
  restart() {
    this.attempt += 1;
    this.controller?.abort();
    this.run(this.attempt);
  }

  async run(attempt) {
    let pause = 250;
    while (attempt === this.attempt) {
      this.controller = new AbortController();
      try {
        const response = await this.fetch(`events?interval=${this.interval}`, { signal: this.controller.signal });
        if (response.status === 401) {
          this.on.unauthorized();
          return;
        }
        if (!response.ok) throw new Error((await response.text()).trim());
        this.on.opened();
        await this.read(response.body, () => {
          pause = 250;
        });
        throw new Error('the service has closed the stream');
      } catch (error) {
        if (attempt !== this.attempt) return;
        clearTimeout(this.watchdog);
        this.on.status('waiting', error.name === 'AbortError' ? 'the service does not answer' : error.message);
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, MAX_PAUSE);
      }
    }
  }

  async read(body, isAlive) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      this.watch();
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        this.on.event(JSON.parse(event.slice('data: '.length)));
        isAlive();
      }
    }
  }

  // A connection over which nothing comes is dead.
  watch() {
    clearTimeout(this.watchdog);
    const { controller } = this;
    this.watchdog = setTimeout(() => controller.abort(), this.interval * 3000 + 5000);
  }
}

// view.js
// What the page shows: the part of time, the choice of a function or route, and the link to it.

const SPANS = [60e3, 5 * 60e3, 15 * 60e3];

// The shortest time shown, in milliseconds.
const LEAST = 30e3;

class View {
  constructor(store, changed) {
    Object.assign(this, { store, changed, mark: null, held: null });
    this.read();
    addEventListener('hashchange', () => {
      this.read();
      this.changed('link');
    });
  }

  // The link has only what is not the default.
  read() {
    const link = new URLSearchParams(location.hash.slice(1));
    const number = (key, otherwise) => (Number.isFinite(Number(link.get(key))) && link.get(key) ? Number(link.get(key)) : otherwise);
    this.tab = link.get('tab') === 'metrics' ? 'metrics' : 'dashboard';
    this.search = link.get('search') ?? '';
    this.width = number('span', 300) * 1000;
    if (!SPANS.includes(this.width)) this.width = SPANS[1];
    this.window = Math.min(300, Math.max(2, number('window', 15))) * 1000;
    this.interval = number('interval', 1);
    const focused = ['function', 'route'].find((kind) => link.get(kind));
    this.focus = focused ? { kind: focused, value: link.get(focused) } : null;
    this.written = this.focus?.value;
    this.theme = ['dark', 'light'].includes(link.get('theme')) ? link.get('theme') : null;
  }

  write() {
    const link = new URLSearchParams();
    if (this.tab !== 'dashboard') link.set('tab', this.tab);
    if (this.focus) link.set(this.focus.kind, this.focus.value);
    if (this.search) link.set('search', this.search);
    if (this.width !== SPANS[1]) link.set('span', this.width / 1000);
    if (this.window !== 15e3) link.set('window', this.window / 1000);
    if (this.interval !== 1) link.set('interval', this.interval);
    if (this.theme) link.set('theme', this.theme);
    const text = link.toString();
    if (text === location.hash.slice(1)) return;
    history[this.focus?.value === this.written ? 'replaceState' : 'pushState'](null, '', text ? `#${text}` : location.pathname);
    this.written = this.focus?.value;
  }

  // The bounds of the time axis.
  range() {
    if (this.held) return this.held;
    const { now, opened } = this.store;
    const end = Number.isNaN(now) ? Date.now() : now;
    // A page that has just been opened does not show the time before.
    const start = Math.min(opened, end - LEAST);
    return [Math.max(end - this.width, Number.isNaN(start) ? -Infinity : start), end];
  }

  span() {
    const [from, to] = this.range();
    return to - from;
  }

  get isPaused() {
    return this.held !== null;
  }

  pause() {
    this.held = this.held ? null : this.range();
    this.changed('time');
  }

  // Holds a part of the picture.
  zoom(from, to) {
    this.held = [from, to];
    this.changed('time');
  }

  setMark(time) {
    this.mark = this.mark === null ? time : null;
    this.changed('time');
  }

  // Two stretches of the same length before and after the mark, or `null` without one.
  compared() {
    if (this.mark === null) return null;
    const end = this.range()[1];
    const length = Math.min(end - this.mark, this.mark - this.store.opened);
    return length > 0 ? [[this.mark - length, this.mark], [this.mark, this.mark + length]] : null;
  }
}

// main.js
// The page.


// The time that drawing may take at once, in milliseconds, so that the page can be scrolled meanwhile.
const SLICE = 10;

// The shortest time between two looks for new metrics, in milliseconds.
const MODEL_PAUSE = 5000;

const KEYS = [
  ['space', 'pause and go on'], ['m', 'mark this moment, to compare before and after'], ['1 2 3', 'show 1, 5 or 15 minutes'],
  ['d', 'dashboard'], ['t', 'table of all metrics'], ['/', 'search'], ['c', 'download as CSV'], ['p', 'download as PNG'],
  ['l', 'light or dark'], ['tab', 'from panel to panel'], ['← →', 'the samples of a panel, one by one'], ['enter', 'the function of a panel alone'], ['esc', 'back to everything'], ['?', 'these keys'],
];

class App {
  constructor() {
    this.store = new Store();
    this.model = null;
    this.panels = [];
    this.view = new View(this.store, (what) => this.changed(what));
    this.stream = new Stream(document.body.dataset.name, {
      opened: () => this.store.reconnected(),
      event: (event) => this.take(event),
      status: (kind, text) => this.setStatus(kind, text),
      unauthorized: () => this.askForToken(),
    });
    this.stream.interval = this.view.interval;
    this.build();
    this.setTheme();
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.panel.isInView = isIntersecting;
      this.schedule();
    }, { rootMargin: '120px' });
    this.sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) target.panel.resize(contentRect.width);
    });
    this.queue = [];
    document.addEventListener('keydown', (event) => this.key(event));
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.setTheme());
    this.start();
  }

  async start() {
    if (await this.load()) this.stream.restart();
  }

  // Loads the description of the panels.
  async load() {
    this.loaded = performance.now();
    try {
      const model = await this.stream.json('model');
      if (!model) return false;
      this.model = model;
      this.known = new Set(model.metrics.map(({ name }) => name));
      document.title = `${model.service} – live metrics`;
      this.name.textContent = model.service;
      this.layout();
      return true;
    } catch (error) {
      this.setStatus('waiting', error.message);
      setTimeout(() => this.start(), 2000);
      return false;
    }
  }

  take(event) {
    const restarts = this.store.restarts.length;
    this.store.take(event);
    const isNew = (event.families ?? []).some(([, name]) => !this.known.has(name));
    // The service may have other metrics after a restart, or register one later.
    if ((isNew || this.store.restarts.length > restarts) && performance.now() - this.loaded > MODEL_PAUSE) this.load();
    this.setStatus(this.view.isPaused ? 'paused' : 'live');
    this.schedule();
  }

  // Draws what can be seen, in slices.
  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      if (Number.isNaN(this.store.now)) return;
      if (this.queue.length === 0) {
        this.queue = this.view.tab === 'metrics' ? [this.catalogue] : [...(this.objectives ? [this.objectives] : []), ...this.panels.filter(({ isInView }) => isInView)];
        this.drawnAt = this.store.now;
        for (const panel of this.panels) panel.isDue = true;
      }
      const start = performance.now();
      while (this.queue.length > 0 && performance.now() - start < SLICE) {
        const next = this.queue.shift();
        next.update?.();
        next.draw();
      }
      this.frames = (this.frames ?? 0) + 1;
      if (this.queue.length > 0 || this.drawnAt < this.store.now) this.schedule();
    });
  }

  setStatus(kind, text = '') {
    const { store } = this;
    const time = Number.isNaN(store.now) ? '' : clock(this.view.isPaused ? this.view.range()[1] : store.now);
    const words = { live: 'live', paused: 'paused', waiting: 'reconnecting', locked: 'locked' };
    this.status.className = `status ${kind}`;
    this.status.textContent = `${{ live: '●', paused: '❚❚', waiting: '↻', locked: '🔒' }[kind]} ${words[kind]} `;
    if (kind === 'live' || kind === 'paused') this.status.append(element('time', { text: time }));
    this.status.title = text || `reading all samples took ${(store.took / 1000).toFixed(2)} ms in the service`;
    this.problem.hidden = kind !== 'waiting';
    this.problem.textContent = text;
  }

  askForToken() {
    this.setStatus('locked');
    const wasWrong = Boolean(this.stream.token);
    this.stream.token = null;
    this.note.textContent = wasWrong ? 'This token is not valid.' : '';
    if (!this.dialog.open) this.dialog.showModal();
    this.tokenField.value = '';
    this.tokenField.focus();
  }

  route() {
    const { focus } = this.view;
    return focus?.kind === 'route' ? focus.value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : '.+';
  }

  focus(kind, value) {
    this.view.focus = kind ? { kind, value } : null;
    this.view.tab = 'dashboard';
    this.view.write();
    this.changed('link');
    scrollTo({ top: 0 });
  }

  changed(what) {
    if (!this.model) return;
    if (what === 'link') {
      this.setTheme();
      if (this.stream.interval !== this.view.interval) {
        this.stream.interval = this.view.interval;
        this.stream.restart();
      }
      this.layout();
    }
    this.controls();
    this.setStatus(this.view.isPaused ? 'paused' : 'live');
    for (const panel of this.panels) panel.place = null;
    this.queue = [];
    this.schedule();
  }

  setTheme() {
    if (this.view.theme) document.documentElement.dataset.theme = this.view.theme;
    else delete document.documentElement.dataset.theme;
    for (const panel of this.panels) panel.restyle();
    this.schedule();
  }

  // The rows that the choice leaves.
  rows() {
    const { focus } = this.view;
    if (!focus) return this.model.rows;
    const rows = this.model.rows.map((row) => {
      const isAboutRoute = row.panels.some(({ queries }) => JSON.stringify(queries).includes('$route'));
      const isChosen = (panel) => (focus.kind === 'function' ? panel.subject === focus.value : isAboutRoute && JSON.stringify(panel.queries).includes('$route'));
      return { ...row, closed: false, panels: row.panels.filter(isChosen) };
    });
    return rows.filter(({ panels }) => panels.length > 0);
  }

  layout() {
    for (const panel of this.panels) panel.restyle();
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.panels = [];
    this.objectives = null;
    this.controls();
    if (this.view.tab === 'metrics') {
      this.catalogue ??= new Catalogue(this);
      this.catalogue.draw(true);
      this.nav.replaceChildren();
      this.main.replaceChildren(this.catalogue.root);
      return;
    }
    const sections = [];
    const section = (title, closed, children) => {
      const id = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      // Numbers share a line.
      const numbers = children.filter((child) => child.classList.contains('stat'));
      if (numbers.length > 0) children = [element('div', { class: 'numbers-line' }, ...numbers), ...children.filter((child) => !numbers.includes(child))];
      const grid = element('div', { class: 'grid' }, ...children);
      const summary = element('summary', {}, element('h2', { text: title }));
      const root = element('details', { id, open: !closed }, summary, grid);
      sections.push({ title, id, root });
    };
    const { focus } = this.view;
    for (const [i, row] of this.rows().entries()) {
      const panels = row.panels.map((panel) => {
        const made = new Panel(panel, this);
        made.root.panel = made;
        return made;
      });
      this.panels.push(...panels);
      section(row.title, row.closed, panels.map(({ root }) => root));
      if (i === 0 && !focus && this.model.objectives.length > 0) {
        this.objectives = new Objectives(this.model.objectives, this);
        section('Objectives', false, this.objectives.entries.map(({ root }) => root));
      }
    }
    const links = sections.map(({ title, id, root }) => element('button', { text: title, on: { click: () => {
      root.open = true;
      root.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
      this.main.querySelector(`#${id} summary`)?.focus({ preventScroll: true });
    } } }));
    this.nav.replaceChildren(...links);
    const heading = focus ? [element('div', { class: 'chosen' }, element('button', { text: '← Everything', on: { click: () => this.focus(null) } }), element('h1', { text: `${focus.kind} ${focus.value}` }))] : [];
    const empty = sections.length === 0 ? [element('p', { class: 'empty', text: `The service has no ${focus.kind} ${focus.value} now.` })] : [];
    this.main.replaceChildren(...heading, ...empty, ...sections.map(({ root }) => root));
    for (const { root } of this.panels) {
      this.watcher.observe(root);
      this.sizes.observe(root);
    }
  }

  // The panels that can be seen.
  seen() {
    return this.panels.filter(({ root, history }) => {
      const { top, bottom, width } = root.getBoundingClientRect();
      return history && width > 0 && bottom > 0 && top < innerHeight;
    });
  }

  build() {
    const button = (text, title, click, attributes = {}) => element('button', { text, title, 'aria-label': title, ...attributes, on: { click } });
    const choice = (title, options, change) => {
      const select = element('select', { title, 'aria-label': title, on: { change: () => change(Number(select.value)) } }, ...options.map(([value, text]) => element('option', { value, text })));
      return select;
    };
    this.name = element('strong', { class: 'name', text: 'Live metrics' });
    this.status = element('span', { class: 'status', role: 'status', 'aria-live': 'off' });
    const tab = (id, text) => button(text, text, () => this.show(id), { class: 'tab' });
    this.tabs = { dashboard: tab('dashboard', 'Dashboard'), metrics: tab('metrics', 'Metrics') };
    this.spans = choice('Time shown', [[60, '1 min'], [300, '5 min'], [900, '15 min']], (seconds) => this.choose('width', seconds * 1000));
    this.windows = choice('Window of rates', [[5, 'rates over 5 s'], [15, 'rates over 15 s'], [60, 'rates over 1 min'], [300, 'rates over 5 min']], (seconds) => this.choose('window', seconds * 1000));
    this.intervals = choice('Time between samples', [[1, 'every 1 s'], [2, 'every 2 s'], [5, 'every 5 s'], [15, 'every 15 s'], [60, 'every 60 s']], (seconds) => this.choose('interval', seconds));
    this.pauseButton = button('Pause', 'Hold the picture', () => this.view.pause());
    this.markButton = button('Mark', 'Mark this moment, to compare before and after', () => this.mark());
    const tools = element('div', { class: 'tools' }, this.spans, this.windows, this.intervals, this.pauseButton, this.markButton,
      button('CSV', 'Download what is on screen as CSV', () => saveCsv(this)), button('PNG', 'Download what is on screen as PNG', () => savePicture(this)),
      button('◐', 'Light or dark', () => this.toggleTheme()), button('?', 'Keys', () => this.help.showModal()));
    this.nav = element('nav', { 'aria-label': 'Rows' });
    this.problem = element('p', { class: 'problem', role: 'alert', hidden: true });
    this.main = element('main', {}, element('p', { class: 'empty', text: 'Loading …' }));
    this.tokenField = element('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', placeholder: 'token' });
    this.note = element('p', { class: 'note', role: 'alert' });
    this.dialog = element('dialog', { class: 'token' }, element('form', { method: 'dialog', on: { submit: () => {
      this.stream.token = this.tokenField.value;
      this.start();
    } } }, element('h2', { text: 'This page needs a token' }), element('p', { text: 'It is the token of the metrics page. This tab forgets it when it is closed.' }), this.tokenField, this.note, element('button', { text: 'Look' })));
    this.dialog.addEventListener('cancel', (event) => event.preventDefault());
    this.help = element('dialog', { class: 'help' }, element('form', { method: 'dialog' }, element('h2', { text: 'Keys' }),
      element('dl', {}, ...KEYS.map(([key, text]) => element('div', {}, element('dt', {}, element('kbd', { text: key })), element('dd', { text })))), element('button', { text: 'Close' })));
    document.body.append(element('div', { class: 'top' }, element('div', { class: 'bar' }, this.name, this.status, this.tabs.dashboard, this.tabs.metrics, tools), this.nav, this.problem), this.main, this.dialog, this.help);
    this.controls();
  }

  controls() {
    const { view } = this;
    for (const [id, tab] of Object.entries(this.tabs)) tab.setAttribute('aria-pressed', String(view.tab === id));
    for (const [select, value] of [[this.spans, view.width / 1000], [this.windows, view.window / 1000], [this.intervals, view.interval]]) {
      if (![...select.options].some((option) => Number(option.value) === value)) select.append(element('option', { value, text: `${value} s` }));
      select.value = String(value);
    }
    this.pauseButton.textContent = view.isPaused ? 'Go on' : 'Pause';
    this.pauseButton.setAttribute('aria-pressed', String(view.isPaused));
    this.markButton.textContent = view.mark === null ? 'Mark' : 'Unmark';
    this.markButton.setAttribute('aria-pressed', String(view.mark !== null));
  }

  choose(key, value) {
    this.view[key] = value;
    if (key === 'width') this.view.held = null;
    this.view.write();
    if (key === 'window') for (const panel of this.panels) panel.reset();
    if (key === 'interval') this.changed('link');
    else this.changed('time');
  }

  mark() {
    const pointed = this.panels.find(({ place }) => place !== null);
    this.view.setMark(pointed ? pointed.history.times[pointed.range[0] + pointed.place] : this.view.range()[1]);
  }

  show(tab) {
    this.view.tab = tab;
    this.view.write();
    this.changed('link');
  }

  toggleTheme() {
    this.view.theme = theme() === 'dark' ? 'light' : 'dark';
    this.view.write();
    this.setTheme();
  }

  key(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.key === 'Escape' && target !== this.catalogue?.input) {
      if (this.view.focus && !this.help.open) this.focus(null);
      return;
    }
    if (['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName)) return;
    if (event.key === ' ' && ['BUTTON', 'SUMMARY'].includes(target.tagName)) return;
    const actions = {
      ' ': () => this.view.pause(), m: () => this.mark(), 1: () => this.choose('width', 60e3), 2: () => this.choose('width', 300e3), 3: () => this.choose('width', 900e3),
      d: () => this.show('dashboard'), t: () => this.show('metrics'), c: () => saveCsv(this), p: () => savePicture(this), l: () => this.toggleTheme(),
      '/': () => {
        this.show('metrics');
        this.catalogue.input.focus();
      },
      '?': () => this.help.showModal(),
    };
    if (target.panel) {
      actions.ArrowLeft = () => target.panel.step(-1);
      actions.ArrowRight = () => target.panel.step(1);
      if (target.panel.subject) actions.Enter = () => this.focus('function', target.panel.subject);
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

const app = new App();

// For the console, and for tests.
globalThis.live = { app, csv: () => csv(app.seen()), picture: () => picture(app) };
