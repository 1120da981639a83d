#!/bin/sh
# Modena: a branch of the appliance at 203.0.113.1. HOLDS A PRIVATE KEY.
# Goes to /etc/uci-defaults/ and deletes itself there when it has ended well (OpenWrt wiki, "UCI defaults").
# Packages: openvpn-openssl mwan3 fping
set -e
umask 077

mkdir -p /etc/openvpn /usr/libexec
cat >/etc/openvpn/voice.ovpn <<'END_OF_FILE'
client
dev tun-voice
dev-type tun
proto udp4
remote 203.0.113.1 1194
server-poll-timeout 4
connect-retry 1 5
resolv-retry 0
nobind
persist-tun
disable-dco
remote-cert-tls server
tls-version-min 1.2
data-ciphers AES-256-GCM:CHACHA20-POLY1305
mssfix 1360
passtos
explicit-exit-notify 1
script-security 1
verb 3
<ca>
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
</ca>
<cert>
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
</cert>
<key>
-----BEGIN PRIVATE KEY-----
MIIB
-----END PRIVATE KEY-----
</key>
<tls-crypt-v2>
-----BEGIN OpenVPN tls-crypt-v2 client key-----
MIIB
-----END OpenVPN tls-crypt-v2 client key-----
</tls-crypt-v2>
END_OF_FILE
cat >/usr/libexec/branch-prober <<'END_OF_FILE'
#!/bin/sh
# Watches every line by small pings to the appliance and moves the tunnel's route before mwan3 would.
# Needs fping (one process for all lines); BusyBox's ping takes whole seconds only.
set -u
SERVER=203.0.113.1
LINES="wan_1_wan1 wan_2_wan2 "
DOWN=3
CLEAN_S=60
PERIOD_MS=100
active=""

device() { ubus call "network.interface.$1" status 2>/dev/null | jsonfilter -e '@.l3_device' 2>/dev/null; }
gateway() { ubus call "network.interface.$1" status 2>/dev/null | jsonfilter -e '@.route[@.target="0.0.0.0"].nexthop' 2>/dev/null; }
now() { cut -d. -f1 /proc/uptime; }

# Prints 1 when at least one of the last probes came back over this line.
alive() {
    dev=$(device "$1"); [ -n "$dev" ] || { echo 0; return; }
    if fping -q -C "$DOWN" -p "$PERIOD_MS" -t "$PERIOD_MS" -I "$dev" "$SERVER" 2>&1 | grep -q '[0-9]\.[0-9]'; then
        echo 1
    else
        echo 0
    fi
}

# The tunnel's packets go where this route leads; the server lets the session follow.
use() {
    dev=$(device "$1"); gw=$(gateway "$1"); [ -n "$dev" ] || return 1
    ip route replace "$SERVER/32" ${gw:+via "$gw"} dev "$dev" metric 1 || return 1
    logger -t branch-prober "line=$1 before=${active:-none}"
    active=$1
    # One packet at once, so that the server learns the new address from it.
    ping -c 1 -W 1 -I tun-voice 10.99.0.1 >/dev/null 2>&1 &
}

mkdir -p /var/run/branch-prober
while :; do
    for line in $LINES; do
        alive "$line" >"/var/run/branch-prober/$line.new" &
    done
    wait
    best=""
    for line in $LINES; do
        good=$(cat "/var/run/branch-prober/$line.new")
        if [ "$good" = 1 ]; then
            [ -f "/var/run/branch-prober/$line.since" ] || now >"/var/run/branch-prober/$line.since"
            since=$(cat "/var/run/branch-prober/$line.since")
            # A better line is taken back only after it was good for a while; any is better than none.
            if [ -z "$best" ]; then
                if [ "$line" = "$active" ] || [ $(($(now) - since)) -ge "$CLEAN_S" ]; then best=$line; fi
            fi
            [ -n "${spare:-}" ] || spare=$line
        else
            rm -f "/var/run/branch-prober/$line.since"
        fi
    done
    wanted=${best:-${spare:-}}
    spare=""
    [ -z "$wanted" ] || [ "$wanted" = "$active" ] || use "$wanted"
done
END_OF_FILE
cat >/etc/init.d/branch-prober <<'END_OF_FILE'
#!/bin/sh /etc/rc.common
USE_PROCD=1
START=95

start_service() {
    procd_open_instance
    procd_set_param command /usr/libexec/branch-prober
    procd_set_param respawn 3600 5 0
    procd_set_param stderr 1
    procd_close_instance
}
END_OF_FILE
chmod 700 /usr/libexec/branch-prober /etc/init.d/branch-prober

# "delete" of what is not there is said and passed over by uci batch.
uci -q batch <<'END_OF_FILE' || true
# Branch Modena: router 1. Every value is quoted for uci(8).
# ── network: the phones, and one interface for each line ──
delete network.phones
set network.phones=interface
set network.phones.device='lan0'
set network.phones.proto='static'
set network.phones.ipaddr='10.20.1.1'
set network.phones.netmask='255.255.255.0'
delete network.wan_1_wan1
set network.wan_1_wan1=interface
set network.wan_1_wan1.metric='10'
set network.wan_1_wan1.peerdns='0'
set network.wan_1_wan1.device='wan1'
set network.wan_1_wan1.proto='dhcp'
delete network.wan_2_wan2
set network.wan_2_wan2=interface
set network.wan_2_wan2.metric='20'
set network.wan_2_wan2.peerdns='0'
set network.wan_2_wan2.device='wan2'
set network.wan_2_wan2.proto='dhcp'
# ── mwan3: which line ordinary traffic takes, and the safety net below the prober ──
delete mwan3.wan_1_wan1
set mwan3.wan_1_wan1=interface
set mwan3.wan_1_wan1.enabled='1'
set mwan3.wan_1_wan1.family='ipv4'
add_list mwan3.wan_1_wan1.track_ip='203.0.113.1'
set mwan3.wan_1_wan1.track_method='ping'
set mwan3.wan_1_wan1.reliability='1'
set mwan3.wan_1_wan1.count='1'
set mwan3.wan_1_wan1.timeout='1'
set mwan3.wan_1_wan1.interval='1'
set mwan3.wan_1_wan1.down='2'
set mwan3.wan_1_wan1.up='10'
delete mwan3.voice_wan_1_wan1
set mwan3.voice_wan_1_wan1=member
set mwan3.voice_wan_1_wan1.interface='wan_1_wan1'
set mwan3.voice_wan_1_wan1.metric='1'
set mwan3.voice_wan_1_wan1.weight='1'
delete mwan3.data_wan_1_wan1
set mwan3.data_wan_1_wan1=member
set mwan3.data_wan_1_wan1.interface='wan_1_wan1'
set mwan3.data_wan_1_wan1.metric='1'
set mwan3.data_wan_1_wan1.weight='1'
delete mwan3.wan_2_wan2
set mwan3.wan_2_wan2=interface
set mwan3.wan_2_wan2.enabled='1'
set mwan3.wan_2_wan2.family='ipv4'
add_list mwan3.wan_2_wan2.track_ip='203.0.113.1'
set mwan3.wan_2_wan2.track_method='ping'
set mwan3.wan_2_wan2.reliability='1'
set mwan3.wan_2_wan2.count='1'
set mwan3.wan_2_wan2.timeout='1'
set mwan3.wan_2_wan2.interval='1'
set mwan3.wan_2_wan2.down='2'
set mwan3.wan_2_wan2.up='10'
delete mwan3.voice_wan_2_wan2
set mwan3.voice_wan_2_wan2=member
set mwan3.voice_wan_2_wan2.interface='wan_2_wan2'
set mwan3.voice_wan_2_wan2.metric='2'
set mwan3.voice_wan_2_wan2.weight='1'
delete mwan3.data_wan_2_wan2
set mwan3.data_wan_2_wan2=member
set mwan3.data_wan_2_wan2.interface='wan_2_wan2'
set mwan3.data_wan_2_wan2.metric='2'
set mwan3.data_wan_2_wan2.weight='1'
delete mwan3.voice
set mwan3.voice=policy
set mwan3.voice.last_resort='unreachable'
add_list mwan3.voice.use_member='voice_wan_1_wan1'
add_list mwan3.voice.use_member='voice_wan_2_wan2'
delete mwan3.data
set mwan3.data=policy
set mwan3.data.last_resort='unreachable'
add_list mwan3.data.use_member='data_wan_1_wan1'
add_list mwan3.data.use_member='data_wan_2_wan2'
delete mwan3.tunnel1
set mwan3.tunnel1=rule
set mwan3.tunnel1.family='ipv4'
set mwan3.tunnel1.proto='udp'
set mwan3.tunnel1.dest_ip='203.0.113.1'
set mwan3.tunnel1.use_policy='voice'
delete mwan3.rest
set mwan3.rest=rule
set mwan3.rest.family='ipv4'
set mwan3.rest.dest_ip='0.0.0.0/0'
set mwan3.rest.use_policy='data'
# ── firewall: the tunnel reaches the phones and they reach it; nothing leaves in clear ──
delete firewall.phones
set firewall.phones=zone
set firewall.phones.name='phones'
add_list firewall.phones.network='phones'
set firewall.phones.input='REJECT'
set firewall.phones.output='ACCEPT'
set firewall.phones.forward='REJECT'
delete firewall.voice
set firewall.voice=zone
set firewall.voice.name='voice'
add_list firewall.voice.device='tun-voice'
set firewall.voice.input='REJECT'
set firewall.voice.output='ACCEPT'
set firewall.voice.forward='REJECT'
set firewall.voice.masq='0'
delete firewall.phones_voice
set firewall.phones_voice=forwarding
set firewall.phones_voice.src='phones'
set firewall.phones_voice.dest='voice'
delete firewall.voice_phones
set firewall.voice_phones=forwarding
set firewall.voice_phones.src='voice'
set firewall.voice_phones.dest='phones'
delete firewall.phones_dhcp
set firewall.phones_dhcp=rule
set firewall.phones_dhcp.src='phones'
set firewall.phones_dhcp.proto='udp'
set firewall.phones_dhcp.dest_port='67'
set firewall.phones_dhcp.target='ACCEPT'
delete firewall.phones_dns
set firewall.phones_dns=rule
set firewall.phones_dns.src='phones'
set firewall.phones_dns.proto='tcp udp'
set firewall.phones_dns.dest_port='53'
set firewall.phones_dns.target='ACCEPT'
delete firewall.phones_time
set firewall.phones_time=rule
set firewall.phones_time.src='phones'
set firewall.phones_time.proto='udp'
set firewall.phones_time.dest_port='123'
set firewall.phones_time.target='ACCEPT'
delete firewall.voice_ping
set firewall.voice_ping=rule
set firewall.voice_ping.src='voice'
set firewall.voice_ping.proto='icmp'
set firewall.voice_ping.target='ACCEPT'
# ── dhcp and time ──
delete dhcp.phones
set dhcp.phones=dhcp
set dhcp.phones.interface='phones'
set dhcp.phones.ignore='1'
set system.ntp=timeserver
set system.ntp.enabled='1'
set system.ntp.enable_server='1'
delete system.ntp.server
add_list system.ntp.server='10.99.0.1'
# ── OpenVPN: the package's own file up to 24.10, an interface of netifd after it ──
END_OF_FILE

if [ -e /lib/netifd/proto/openvpn.sh ]; then
    uci -q delete network.voice || true
    uci set network.voice=interface
    uci set network.voice.proto='openvpn'
    uci set network.voice.config='/etc/openvpn/voice.ovpn'
else
    uci -q delete openvpn.voice || true
    uci set openvpn.voice=openvpn
    uci set openvpn.voice.enabled='1'
    uci set openvpn.voice.config='/etc/openvpn/voice.ovpn'
fi
uci commit
/etc/init.d/branch-prober enable
exit 0
