//! Function numbers: what a command asks for, which answers it has, and why one is
//! rejected.
//!
//! The names are those that people who took the protocol and the malware apart have
//! published [pub]; 1, 11, 19, 20, 55, 65, 66 and their answers were seen on a
//! controller [V]. Classes follow what a function does.

use crate::operation::{Class, Operation};
use crate::pdu::Status;

/// Asks a controller's control program for its state.
pub(crate) const GET_CP_STATUS: u8 = 19;
/// Begin a change while the program runs, and a download in the later format.
pub(crate) const START_DOWNLOAD_CHANGE: u8 = 1;
/// Brings a program in, and one of its functions.
pub(crate) const ALLOCATE_PROGRAM: u8 = 55;
pub(crate) const ALLOCATE_FUNCTION: u8 = 56;
/// Take them out.
pub(crate) const UPLOAD_PROGRAM: u8 = 65;
pub(crate) const UPLOAD_FUNCTION: u8 = 66;

/// The command was refused; its first byte says why.
pub(crate) const REJECTED: u8 = 100;
pub(crate) const ATTACHED: u8 = 106;
pub(crate) const CP_STATUS: u8 = 108;
pub(crate) const CHASSIS_STATUS: u8 = 119;
pub(crate) const MODULE_VERSIONS: u8 = 151;
pub(crate) const PROGRAM_UPLOADED: u8 = 162;
pub(crate) const FUNCTION_UPLOADED: u8 = 163;
/// No point more can be disabled.
const DISABLED_POINTS_FULL: u8 = 167;

/// The operation of a command.
pub(crate) const fn operation(function: u8) -> Operation {
    macro_rules! operation {
        ($name:literal, $class:ident) => {
            const { Operation::new($name, Class::$class) }
        };
    }
    match function {
        0 => operation!("start_download_all", ProgramDownload),
        START_DOWNLOAD_CHANGE => operation!("start_download_change", ProgramDownload),
        2 => operation!("update_configuration", ConfigWrite),
        3 => operation!("upload_configuration", ProgramUpload),
        4 => operation!("set_io_addresses", ConfigWrite),
        5 => operation!("allocate_network", ConfigWrite),
        6 => operation!("load_vector_table", ConfigWrite),
        7 => operation!("set_calendar", TimeSet),
        8 => operation!("get_calendar", Read),
        9 => operation!("set_scan_time", ConfigWrite),
        10 => operation!("end_download_all", ProgramDownload),
        11 => operation!("end_download_change", ProgramDownload),
        12 => operation!("cancel_download_change", ProgramDownload),
        13 => operation!("attach", SessionOpen),
        14 => operation!("set_io_address_limits", ConfigWrite),
        15 => operation!("configure_module", ConfigWrite),
        16 => operation!("set_point_values", Force),
        17 => operation!("enable_all_points", Force),
        18 => operation!("upload_vector_table", ProgramUpload),
        GET_CP_STATUS => operation!("get_cp_status", Read),
        20 => operation!("run_program", ModeStart),
        21 => operation!("halt_program", ModeStop),
        22 => operation!("pause_program", ModeOther),
        23 => operation!("do_single_scan", ModeStart),
        24 => operation!("get_chassis_status", Identify),
        25 => operation!("get_minimum_scan_time", Read),
        26 => operation!("set_node_number", ConfigWrite),
        27 => operation!("set_io_point_values", Force),
        28 => operation!("get_io_point_values", Read),
        29 => operation!("get_mp_status", Read),
        30 => operation!("set_retentive_values", Write),
        31 => operation!("adjust_clock_calendar", TimeSet),
        32 => operation!("clear_module_alarms", DiagClear),
        33 => operation!("get_event_log", Read),
        34 => operation!("set_soe_block", AlarmConfig),
        35 => operation!("record_event_log", Read),
        36 => operation!("get_soe_data", Read),
        // The watchdog of the outputs: without it they can be driven past their limits.
        37 => operation!("enable_ovd", ConfigWrite),
        38 => operation!("disable_ovd", Force),
        39 => operation!("enable_all_ovds", ConfigWrite),
        40 => operation!("disable_all_ovds", Force),
        // How the Modbus message stands in it is not published: it may well write.
        41 => operation!("process_modbus", Write),
        42 => operation!("upload_network", ProgramUpload),
        43 => operation!("set_label", ConfigWrite),
        44 => operation!("configure_system_variables", ConfigWrite),
        45 => operation!("deconfigure_module", ConfigWrite),
        46 => operation!("get_system_variables", Read),
        47 => operation!("get_module_types", Identify),
        48 => operation!("begin_conversion_table_download", ProgramDownload),
        49 => operation!("continue_conversion_table_download", ProgramDownload),
        50 => operation!("end_conversion_table_download", ProgramDownload),
        51 => operation!("get_conversion_table", Read),
        52 => operation!("set_icm_status", ConfigWrite),
        53 => operation!("soe_data_available", Read),
        54 => operation!("get_module_versions", Identify),
        ALLOCATE_PROGRAM => operation!("allocate_program", ProgramDownload),
        ALLOCATE_FUNCTION => operation!("allocate_function", ProgramDownload),
        57 => operation!("clear_retentives", FactoryReset),
        58 => operation!("set_initial_values", ConfigWrite),
        59 => operation!("start_ts2_program_download", ProgramDownload),
        60 => operation!("set_ts2_data_area", Write),
        61 => operation!("get_ts2_data", Read),
        62 => operation!("set_ts2_data", Write),
        63 => operation!("set_program_information", ProgramDownload),
        64 => operation!("get_program_information", Read),
        UPLOAD_PROGRAM => operation!("upload_program", ProgramUpload),
        UPLOAD_FUNCTION => operation!("upload_function", ProgramUpload),
        67 => operation!("get_point_groups", Read),
        68 => operation!("allocate_symbol_table", ProgramDownload),
        69 => operation!("get_io_address", Read),
        70 => operation!("resend_io_address", Read),
        71 => operation!("get_program_timing", Read),
        72 => operation!("allocate_multiple_functions", ProgramDownload),
        73 => operation!("get_node_number", Read),
        74 => operation!("get_symbol_table", Browse),
        80 => operation!("go_to_download_mode", ModeOther),
        _ => Operation::unknown(function as u16),
    }
}

/// What an answer is called, and the functions that have it; the first of them is
/// meant where the request was not seen.
pub(crate) const fn reply(number: u8) -> Option<(&'static str, &'static [u8])> {
    Some(match number {
        REJECTED => ("command_rejected", &[]),
        101 => ("download_all_permitted", &[0]),
        102 => ("download_change_permitted", &[1]),
        // Changes of points may have it as well [M].
        103 => ("modification_accepted", &[11, 16, 17, 27]),
        104 => ("download_cancelled", &[12]),
        105 => ("program_accepted", &[10]),
        ATTACHED => ("attached", &[13]),
        107 => ("io_addresses_set", &[4]),
        CP_STATUS => ("cp_status", &[GET_CP_STATUS]),
        109 => ("program_is_running", &[20]),
        110 => ("program_is_halted", &[21]),
        111 => ("program_is_paused", &[22]),
        112 => ("end_of_single_scan", &[23]),
        113 => ("chassis_configuration", &[3]),
        114 => ("scan_period_modified", &[9]),
        117 => ("module_configured", &[15]),
        CHASSIS_STATUS => ("chassis_status", &[24]),
        120 => ("vectors", &[18]),
        121 => ("io_point_values", &[28]),
        122 => ("calendar_changed", &[7, 31]),
        123 => ("configuration_updated", &[2]),
        124 => ("minimum_scan_time", &[25]),
        126 => ("node_number_set", &[26]),
        127 => ("mp_status", &[29]),
        128 => ("retentive_values_set", &[30]),
        129 => ("soe_block_set", &[34]),
        130 => ("module_alarms_cleared", &[32]),
        131 => ("event_log", &[33]),
        132 => ("symbol_table_accepted", &[68]),
        133 => ("ovd_enable_accepted", &[37, 39]),
        134 => ("ovd_disable_accepted", &[38, 40]),
        135 => ("event_log_recorded", &[35]),
        136 => ("network", &[42]),
        137 => ("soe_data", &[36]),
        138 => ("network_allocated", &[5]),
        139 => ("vector_table_loaded", &[6]),
        140 => ("calendar", &[8]),
        141 => ("label_set", &[43]),
        142 => ("module_types", &[47]),
        143 => ("system_variables_configured", &[44]),
        144 => ("module_deconfigured", &[45]),
        147 => ("conversion_table", &[51]),
        148 => ("icm_print_data_sent", &[]),
        149 => ("icm_status_set", &[52]),
        150 => ("system_variables", &[46]),
        MODULE_VERSIONS => ("module_versions", &[54]),
        152 => ("modbus_processed", &[41]),
        153 => ("program_allocated", &[ALLOCATE_PROGRAM]),
        154 => ("function_allocated", &[ALLOCATE_FUNCTION]),
        155 => ("retentives_cleared", &[57]),
        156 => ("initial_values_set", &[58]),
        157 => ("ts2_data_area_set", &[60]),
        158 => ("ts2_data", &[61]),
        159 => ("ts2_data_set", &[62]),
        160 => ("program_information_set", &[63]),
        161 => ("program_information", &[64]),
        PROGRAM_UPLOADED => ("program_uploaded", &[UPLOAD_PROGRAM]),
        FUNCTION_UPLOADED => ("function_uploaded", &[UPLOAD_FUNCTION]),
        164 => ("point_groups", &[67]),
        165 => ("symbol_table_allocated", &[68]),
        166 => ("program_timing", &[71]),
        DISABLED_POINTS_FULL => ("disabled_points_full", &[16, 27]),
        168 => ("multiple_functions_allocated", &[72]),
        169 => ("node_number", &[73]),
        170 => ("symbol_table", &[74]),
        _ => return None,
    })
}

/// How a command went, by its answer and the first byte of that.
pub(crate) const fn status(reply: u8, reason: Option<u8>) -> Status {
    match (reply, reason) {
        (REJECTED, Some(reason)) => rejection(reason),
        (REJECTED, None) => rejection(0),
        (DISABLED_POINTS_FULL, _) => const { Status::failed(167, "disabled_points_full") },
        // Some controllers may answer with the reason itself.
        (200.., _) => rejection(reply),
        _ => Status::Ok,
    }
}

/// Why a command was rejected. 203 and 208 were seen [V].
const fn rejection(reason: u8) -> Status {
    macro_rules! failed {
        ($code:literal $name:literal) => {
            const { Status::failed($code, $name) }
        };
    }
    match reason {
        200 => failed!(200 "wrong_command"),
        201 => failed!(201 "load_in_progress"),
        202 => failed!(202 "bad_calendar"),
        203 => failed!(203 "control_program_not_halted"),
        204 => failed!(204 "control_program_checksum_error"),
        205 => failed!(205 "no_memory"),
        206 => failed!(206 "control_program_not_valid"),
        207 => failed!(207 "not_loading_a_control_program"),
        208 => failed!(208 "out_of_range"),
        209 => failed!(209 "not_enough_arguments"),
        210 => failed!(210 "network_missing"),
        211 => failed!(211 "download_time_mismatch"),
        212 => failed!(212 "key_setting_prohibits_operation"),
        213 => failed!(213 "bad_control_program_version"),
        214 => failed!(214 "command_not_in_sequence"),
        216 => failed!(216 "bad_module_index"),
        217 => failed!(217 "invalid_module_address"),
        220 => failed!(220 "bad_point_offset"),
        221 => failed!(221 "invalid_point_type"),
        222 => failed!(222 "invalid_point_location"),
        223 => failed!(223 "invalid_program_name"),
        227 => failed!(227 "invalid_module_type"),
        229 => failed!(229 "invalid_table_type"),
        231 => failed!(231 "invalid_network_continuation"),
        232 => failed!(232 "invalid_scan_time"),
        233 => failed!(233 "load_busy"),
        234 => failed!(234 "processor_re_educated"),
        235 => failed!(235 "invalid_chassis_or_slot"),
        236 => failed!(236 "invalid_soe_number"),
        237 => failed!(237 "invalid_soe_type"),
        238 => failed!(238 "invalid_soe_state"),
        239 => failed!(239 "variable_write_protected"),
        240 => failed!(240 "node_number_mismatch"),
        241 => failed!(241 "command_not_allowed"),
        242 => failed!(242 "invalid_sequence_number"),
        243 => failed!(243 "not_the_time_master"),
        244 => failed!(244 "no_free_port"),
        245 => failed!(245 "invalid_tristation_1_command"),
        246 => failed!(246 "invalid_tristation_1131_command"),
        247 => failed!(247 "only_one_chassis_allowed"),
        248 => failed!(248 "bad_variable_address"),
        249 => failed!(249 "response_overflow"),
        250 => failed!(250 "invalid_bus"),
        251 => failed!(251 "disable_not_allowed"),
        252 => failed!(252 "invalid_length"),
        253 => failed!(253 "point_cannot_be_disabled"),
        254 => failed!(254 "too_many_retentive_variables"),
        255 => failed!(255 "loader_connect"),
        _ => Status::failed(reason as u32, "unknown_reason"),
    }
}

#[cfg(test)]
mod tests {
    use super::{operation, reply};
    use crate::operation::Class;

    #[test]
    fn every_answer_belongs_to_functions_that_have_a_name() {
        for number in 0..=u8::MAX {
            let (_, functions) = reply(number).unwrap_or(("", &[]));

            assert!(
                functions.iter().all(|function| operation(*function).class() != Class::Unknown),
                "{number}"
            );
        }
    }
}
