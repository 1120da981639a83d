"""The modules that Asterisk loads, and no others.

Debian's package carries about 350; most advisories of the last years hit modules that a
telephone system does not use. So `autoload=no`, and a test compares this list with what
a running Asterisk has loaded. Order matters where a comment says so.
"""

from __future__ import annotations

FOUNDATION = (
    # Sorcery back ends and everything that res_pjsip links against come first.
    "res_sorcery_config.so",
    "res_sorcery_memory.so",
    "res_sorcery_memory_cache.so",
    "res_sorcery_astdb.so",
    "res_statsd.so",
    "res_geolocation.so",
    "res_timing_timerfd.so",
    "res_pjproject.so",
    "res_crypto.so",
    "res_http_websocket.so",
    "res_websocket_client.so",
    "res_security_log.so",
    "res_clioriginate.so",
    "pbx_config.so",
)

SIP = (
    "res_rtp_asterisk.so",
    "res_srtp.so",
    "res_pjsip_config_wizard.so",
    "res_pjsip.so",
    "res_pjsip_session.so",
    "res_pjsip_pubsub.so",
    "res_pjsip_outbound_publish.so",
    "res_pjsip_acl.so",
    "res_pjsip_authenticator_digest.so",
    "res_pjsip_outbound_authenticator_digest.so",
    "res_pjsip_endpoint_identifier_user.so",
    "res_pjsip_endpoint_identifier_ip.so",
    "res_pjsip_registrar.so",
    "res_pjsip_outbound_registration.so",
    "res_pjsip_path.so",
    "res_pjsip_nat.so",
    "res_pjsip_caller_id.so",
    "res_pjsip_diversion.so",
    "res_pjsip_dtmf_info.so",
    "res_pjsip_header_funcs.so",
    "res_pjsip_logger.so",
    "res_pjsip_messaging.so",
    "res_pjsip_mwi.so",
    "res_pjsip_mwi_body_generator.so",
    "res_pjsip_exten_state.so",
    "res_pjsip_dialog_info_body_generator.so",
    "res_pjsip_pidf_body_generator.so",
    "res_pjsip_pidf_digium_body_supplement.so",
    "res_pjsip_notify.so",
    "res_pjsip_one_touch_record_info.so",
    "res_pjsip_refer.so",
    "res_pjsip_rfc3326.so",
    "res_pjsip_rfc3329.so",
    "res_pjsip_sdp_rtp.so",
    "res_pjsip_send_to_voicemail.so",
    "res_pjsip_sips_contact.so",
    "res_pjsip_t38.so",
    "res_pjsip_transport_websocket.so",
    "res_pjsip_empty_info.so",
    "res_pjsip_dlg_options.so",
    "chan_pjsip.so",
    "func_pjsip_endpoint.so",
    "func_pjsip_aor.so",
    "func_pjsip_contact.so",
    "chan_rtp.so",
    "res_rtp_multicast.so",
)

MEDIA = (
    "codec_alaw.so",
    "codec_ulaw.so",
    "codec_g722.so",
    "codec_gsm.so",
    "codec_resample.so",
    "codec_opus_open_source.so",
    "res_format_attr_opus.so",
    "res_format_attr_h264.so",
    "res_format_attr_vp8.so",
    "format_pcm.so",
    "format_wav.so",
    "format_sln.so",
    "format_gsm.so",
    "res_musiconhold.so",
    "res_tonedetect.so",
)

BRIDGES = (
    "bridge_simple.so",
    "bridge_native_rtp.so",
    "bridge_softmix.so",
    "bridge_holding.so",
    "bridge_builtin_features.so",
    "bridge_builtin_interval_features.so",
)

APPLICATIONS = (
    "app_dial.so",
    "app_directed_pickup.so",
    "app_echo.so",
    "app_exec.so",
    "app_milliwatt.so",
    "app_originate.so",
    "app_playback.so",
    "app_playtones.so",
    "app_read.so",
    "app_record.so",
    "app_sayunixtime.so",
    "app_senddtmf.so",
    "app_softhangup.so",
    "app_stack.so",
    "app_transfer.so",
    "app_userevent.so",
    "app_verbose.so",
    "app_voicemail.so",
    "app_while.so",
    "app_waituntil.so",
)

FUNCTIONS = (
    "func_callerid.so",
    "func_channel.so",
    "func_config.so",
    "func_cut.so",
    "func_db.so",
    "func_env.so",
    "func_devstate.so",
    "func_dialplan.so",
    "func_extstate.so",
    "func_global.so",
    "func_groupcount.so",
    "func_hangupcause.so",
    "func_holdintercept.so",
    "func_logic.so",
    "func_math.so",
    "func_rand.so",
    "func_sha1.so",
    "func_strings.so",
    "func_timeout.so",
    "func_uri.so",
    "func_volume.so",
)

MANAGER = (
    # Answers DeviceStateList, with which the live view begins.
    "res_manager_devicestate.so",
)

ARI = (
    # res_ari_model and the stasis modules before the resources that use them.
    "res_stasis.so",
    "res_stasis_answer.so",
    "res_stasis_device_state.so",
    "res_stasis_playback.so",
    "res_stasis_recording.so",
    "res_stasis_snoop.so",
    "res_ari_model.so",
    "res_ari.so",
    "res_ari_applications.so",
    "res_ari_asterisk.so",
    "res_ari_bridges.so",
    "res_ari_channels.so",
    "res_ari_device_states.so",
    "res_ari_endpoints.so",
    "res_ari_events.so",
    "res_ari_playbacks.so",
    "res_ari_recordings.so",
    "res_ari_sounds.so",
    "app_stasis.so",
)

ALL = (*FOUNDATION, *MEDIA, *BRIDGES, *SIP, *FUNCTIONS, *APPLICATIONS, *MANAGER, *ARI)
"""Every module, in the order of modules.conf."""
