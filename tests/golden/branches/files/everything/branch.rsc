# Parma: a branch of the appliance at 203.0.113.1. HOLDS A PRIVATE KEY.
# RouterOS 7.16 or later: /import file-name=parma.rsc verbose=yes
# May be run again: it removes its own objects first. Lines of this router by its interfaces:
#   eth1: Fibra d?oro? ??reboot? ?id? ? ?/system reset? ???
#   eth3: Adsl
#   wwan0: Lte
#   eth2: Radio

# ── what an earlier run has left ──
:foreach menu in={"/tool/netwatch";"/system/scheduler";"/system/script";"/interface/ovpn-client";"/ip/dhcp-server/matcher";"/ip/dhcp-server";"/ip/dhcp-server/network";"/ip/dhcp-client";"/ip/firewall/filter";"/ip/firewall/mangle";"/ip/route";"/ip/address"} do={
  [:parse "$menu remove [find comment~\"^branch:\"]"]
}
:foreach id in=[/ip/pool find name="branch-phones"] do={ /ip/pool remove $id }
:foreach id in=[/ip/dhcp-server/option/sets find name~"^branch-"] do={ /ip/dhcp-server/option/sets remove $id }
:foreach id in=[/ip/dhcp-server/option find name~"^branch-"] do={ /ip/dhcp-server/option remove $id }
:foreach id in=[/certificate find name~"^branch-"] do={ /certificate remove $id }
:foreach id in=[/routing/table find name~"^branch-"] do={ /routing/table remove $id }

# ── papers ──
/file add name="branch-authority.crt" contents="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
/certificate import file-name="branch-authority.crt" passphrase="" name="branch-1"
/file remove "branch-authority.crt"
/file add name="branch-router.crt" contents="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
/certificate import file-name="branch-router.crt" passphrase="" name="branch-2"
/file remove "branch-router.crt"
/file add name="branch-router.key" contents="-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
/certificate import file-name="branch-router.key" passphrase="" name="branch-3"
/file remove "branch-router.key"

# ── the network of the phones ──
/ip/address add address="10.20.2.1/24" interface="eth0" comment="branch: phones"
/ip/pool add name="branch-phones" ranges="10.20.2.50-10.20.2.199"
/ip/dhcp-server/option add name="branch-yealink" code=66 value="'http://10.99.0.1/provisioning/e/\$MAC.cfg'"
/ip/dhcp-server/option/sets add name="branch-yealink" options="branch-yealink"
/ip/dhcp-server add name="branch-phones" interface="eth0" address-pool="branch-phones" lease-time=86400s disabled=no comment="branch: phones"
/ip/dhcp-server/network add address="10.20.2.0/24" gateway="10.20.2.1" dns-server="10.20.2.1" ntp-server="10.99.0.1" comment="branch: phones"
/ip/dhcp-server/matcher add name="branch-yealink" server="branch-phones" address-pool="branch-phones" code=60 value="yealink" matching-type=substring option-set="branch-yealink" comment="branch: phones"

# ── each line: a table of its own for its probes, a default route whose distance says its turn ──
/routing/table add name="branch-fibra" fib
/ip/route add dst-address=0.0.0.0/0 gateway="eth1" distance=1 comment="branch: default fibra"
/ip/route add dst-address=0.0.0.0/0 gateway="eth1" routing-table="branch-fibra" comment="branch: probe fibra"
/ip/dhcp-client add interface="eth1" add-default-route=no use-peer-dns=no comment="branch: fibra" script=":if (\$bound=1) do={ /ip/route set [find comment=\"branch: default fibra\"] gateway=(\$\"gateway-address\" . \"%\" . \"eth1\"); /ip/route set [find comment=\"branch: probe fibra\"] gateway=(\$\"gateway-address\" . \"%\" . \"eth1\") }"
# Probes of this line are known by their size, whatever route the rest takes.
/ip/firewall/mangle add chain=output protocol=icmp dst-address=203.0.113.1 packet-size=101 action=mark-routing new-routing-mark="branch-fibra" passthrough=no comment="branch: probe fibra"
/routing/table add name="branch-adsl" fib
# pppoe: eth3 must be there already, with its user and password or APN and PIN.
/ip/route add dst-address=0.0.0.0/0 gateway="eth3" distance=30 comment="branch: default adsl"
/ip/route add dst-address=0.0.0.0/0 gateway="eth3" routing-table="branch-adsl" comment="branch: probe adsl"
# Probes of this line are known by their size, whatever route the rest takes.
/ip/firewall/mangle add chain=output protocol=icmp dst-address=203.0.113.1 packet-size=102 action=mark-routing new-routing-mark="branch-adsl" passthrough=no comment="branch: probe adsl"
/routing/table add name="branch-lte" fib
# modem: wwan0 must be there already, with its user and password or APN and PIN.
/ip/route add dst-address=0.0.0.0/0 gateway="wwan0" distance=40 comment="branch: default lte"
/ip/route add dst-address=0.0.0.0/0 gateway="wwan0" routing-table="branch-lte" comment="branch: probe lte"
# Probes of this line are known by their size, whatever route the rest takes.
/ip/firewall/mangle add chain=output protocol=icmp dst-address=203.0.113.1 packet-size=103 action=mark-routing new-routing-mark="branch-lte" passthrough=no comment="branch: probe lte"
/routing/table add name="branch-radio" fib
/ip/address add address="203.0.113.6/29" interface="eth2" comment="branch: radio"
/ip/route add dst-address=0.0.0.0/0 gateway="203.0.113.1%eth2" distance=50 comment="branch: default radio"
/ip/route add dst-address=0.0.0.0/0 gateway="203.0.113.1%eth2" routing-table="branch-radio" comment="branch: probe radio"
# Probes of this line are known by their size, whatever route the rest takes.
/ip/firewall/mangle add chain=output protocol=icmp dst-address=203.0.113.1 packet-size=104 action=mark-routing new-routing-mark="branch-radio" passthrough=no comment="branch: probe radio"

# ── the tunnel: one session, which the server lets move from line to line ──
/interface/ovpn-client add name="branch-voice" connect-to="203.0.113.1" port=1194 protocol=udp mode=ip user="branch-2" password="unused" certificate="branch-2" verify-server-certificate=yes cipher=aes256-gcm auth=null tls-version=only-1.2 add-default-route=no route-nopull=yes disabled=no comment="branch: voice"
/ip/route add dst-address="10.99.0.1/32" gateway="branch-voice" distance=1 comment="branch: voice"
# Without the tunnel, nothing for the appliance leaves in clear.
/ip/route add dst-address="10.99.0.1/32" blackhole distance=200 comment="branch: voice"
/ip/route add dst-address="10.20.3.0/24" gateway="branch-voice" distance=1 comment="branch: voice"
/ip/route add dst-address="10.20.3.0/24" blackhole distance=200 comment="branch: voice"

# ── the phones reach the appliance and nothing else; nothing else reaches the phones ──
/ip/firewall/filter add chain=forward in-interface="eth0" out-interface="branch-voice" action=accept comment="branch: phones"
/ip/firewall/filter add chain=forward in-interface="branch-voice" out-interface="eth0" action=accept comment="branch: phones"
/ip/firewall/filter add chain=forward in-interface="eth0" action=drop comment="branch: phones"
/ip/firewall/filter add chain=forward out-interface="eth0" action=drop comment="branch: phones"

# ── which line is in use: decided once a second from what netwatch knows ──
/system/script add name="branch-choose" dont-require-permissions=yes comment="branch: choose" source=":global branchActive\n:global branchGood\n:if ([:typeof \$branchGood] != \"array\") do={ :set branchGood [:toarray \"\"] }\n:local order {\"fibra\";\"adsl\";\"lte\";\"radio\"}\n:local best \"\"\n:local spare \"\"\n:foreach line in=\$order do={\n  :local state [/tool/netwatch get [find name=(\"branch-\" . \$line)] status]\n  :if (\$state = \"up\") do={\n    :set (\$branchGood->\$line) ((\$branchGood->\$line) + 1)\n    :if (\$spare = \"\") do={ :set spare \$line }\n    :if (\$best = \"\" && (\$line = \$branchActive || (\$branchGood->\$line) >= 60)) do={ :set best \$line }\n  } else={ :set (\$branchGood->\$line) 0 }\n}\n:if (\$best = \"\") do={ :set best \$spare }\n:if (\$best != \"\" && \$best != \$branchActive) do={\n  :local distance 10\n  :foreach line in=\$order do={\n    :set distance (\$distance + 10)\n    :local now \$distance\n    :if (\$line = \$best) do={ :set now 1 }\n    /ip/route set [find comment=(\"branch: default \" . \$line)] distance=\$now\n  }\n  :log warning (\"branch: line \" . \$best . \" instead of \" . \$branchActive)\n  :set branchActive \$best\n  /ping 10.99.0.1 count=1\n}\n"
/tool/netwatch add type=icmp host="203.0.113.1" packet-size=101 interval=1s packet-interval=100ms packet-count=5 timeout=400ms thr-loss-percent=60 startup-delay=0s name="branch-fibra" down-script="/system/script/run branch-choose" comment="branch: fibra"
/tool/netwatch add type=icmp host="203.0.113.1" packet-size=102 interval=1s packet-interval=100ms packet-count=5 timeout=400ms thr-loss-percent=60 startup-delay=0s name="branch-adsl" down-script="/system/script/run branch-choose" comment="branch: adsl"
/tool/netwatch add type=icmp host="203.0.113.1" packet-size=103 interval=1s packet-interval=100ms packet-count=5 timeout=400ms thr-loss-percent=60 startup-delay=0s name="branch-lte" down-script="/system/script/run branch-choose" comment="branch: lte"
/tool/netwatch add type=icmp host="203.0.113.1" packet-size=104 interval=1s packet-interval=100ms packet-count=5 timeout=400ms thr-loss-percent=60 startup-delay=0s name="branch-radio" down-script="/system/script/run branch-choose" comment="branch: radio"
/system/scheduler add name="branch-choose" interval=1s on-event="/system/script/run branch-choose" comment="branch: choose"
