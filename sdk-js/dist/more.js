/*! Steeple 0.1.0 | MIT */
(()=>{var e={takeover:"sha256-85GUDWelacSCEflrCDtZW8Z/hfOLDVg+SnrheqyEYEY="};var r=Symbol.for("steeple.rooms");function n(t,i,s){let o=t[r]||{};o[i]=s,t[r]||Object.defineProperty(t,r,{value:o})}var a=typeof e=="undefined"?{}:e;typeof window!="undefined"&&n(window,"more",()=>a);})();
