//! The fields of S7comm.

crate::fields! {
    ROSCTR "rosctr" Integer "Kind of message: 1 job, 2 acknowledgement, 3 acknowledgement with data, 7 user data.";
    PDU_REFERENCE "pdu_reference" Integer "Number that joins an answer to its job.";
    ERROR_CODE "error_code" Integer "Error class and code of an answer, as one 16-bit number.";
    MAX_AMQ_CALLING "max_amq_calling" Integer "Jobs without answer that the caller may have open.";
    MAX_AMQ_CALLED "max_amq_called" Integer "Jobs without answer that the called side may have open.";
    PDU_LENGTH "pdu_length" Integer "Longest S7 message in bytes.";
    SYNTAX "syntax" Integer "Syntax of an item's address, where it is not the common 0x10.";
    TRANSPORT_SIZE "transport_size" Integer "Type of an item's elements: 1 bit, 2 byte, 3 char, 4 word, 5 int, 6 dword, 7 dint, 8 real, 9 date, 10 time of day, 11 time, 12 S5 time, 15 date and time, 28 counter, 29 timer.";
    SPECIFICATION "specification" Bytes "Address of an item whose syntax is not known.";
    AREAS "areas" Text "Every area that an item of several areas addresses.";
}
