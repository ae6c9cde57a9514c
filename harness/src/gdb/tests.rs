//! Packets, registers, and a conversation with a scripted stub.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Debugger, Registers, Stop, Waited, Wire,
    packet::{Decoder, Event, encode, hex_bytes},
};

#[test]
fn packets_carry_their_checksum() {
    assert_eq!(encode("g"), b"$g#67");
    assert_eq!(encode(""), b"$#00");
}

#[test]
fn packets_arrive_in_pieces_and_compressed() {
    let mut decoder = Decoder::default();
    decoder.feed(b"+$0* ");
    assert_eq!(decoder.next_event(), Some(Event::Acknowledged));
    assert_eq!(decoder.next_event(), None);
    decoder.feed(b"#7a$g#00");
    assert_eq!(decoder.next_event(), Some(Event::Packet("0000".to_owned())));
    assert_eq!(decoder.next_event(), Some(Event::Damaged));
    assert_eq!(decoder.next_event(), None);
}

#[test]
fn hexadecimal_is_checked() {
    assert_eq!(hex_bytes("00ff"), Some(vec![0, 255]));
    assert_eq!(hex_bytes("0"), None);
    assert_eq!(hex_bytes("zz"), None);
    assert_eq!(hex_bytes("E14é"), None);
}

#[test]
fn registers_are_found_by_their_place() {
    let block: Vec<u8> = (0_u64..24)
        .flat_map(|index| (index * 0x10).to_le_bytes())
        .collect();
    let registers = Registers::parse(&block).expect("long enough");
    assert_eq!((registers.rcx, registers.rdx), (0x20, 0x30));
    assert_eq!(
        (registers.r8, registers.r9, registers.rip),
        (0x80, 0x90, 0x100)
    );
    assert_eq!(Registers::parse(&block[..100]), None);
}

/// Answers each packet with the next of `answers`.
fn stub(end: &UnixStream, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    let mut end = end.try_clone().expect("cloned");
    thread::spawn(move || {
        let mut decoder = Decoder::default();
        let mut requests = Vec::new();
        for answer in answers {
            let request = loop {
                match decoder.next_event() {
                    Some(Event::Packet(request)) => break request,
                    Some(_) => continue,
                    None => {}
                }
                let mut buffer = [0; 256];
                let length = end.read(&mut buffer).expect("readable");
                decoder.feed(&buffer[..length]);
            };
            requests.push(request);
            end.write_all(b"+").expect("acknowledged");
            end.write_all(&encode(&answer)).expect("answered");
        }
        requests
    })
}

fn attach(answers: &[&str]) -> (Debugger, JoinHandle<Vec<String>>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    let answers = ["PacketSize=1000", "T05thread:01;"].iter().chain(answers);
    let answers = answers.map(|answer| (*answer).to_owned()).collect();
    let stub = stub(&theirs, answers);
    let debugger = Debugger::attach(Wire::Unix(ours)).expect("attached");
    (debugger, stub, theirs)
}

#[test]
fn memory_and_breakpoints_at_high_addresses() {
    let (mut debugger, stub, _end) = attach(&["2a00000000000080", "OK", "T05thread:01;", "E14"]);
    let value = debugger.read_u64(0xffff_f800_0000_1000).expect("readable");
    assert_eq!(value, 0x8000_0000_0000_002a);
    debugger.set_breakpoint(0xffff_f800_0000_2000).expect("set");
    debugger.resume().expect("sent");
    assert_eq!(
        debugger.wait(Duration::from_secs(5)).expect("stopped"),
        Waited::Stopped(Stop::Trap)
    );
    let error = debugger.read(0x10, 4).expect_err("nothing is there");
    assert!(error.to_string().contains("0x10"), "{error}");
    let requests = stub.join().expect("joined");
    assert_eq!(
        requests[2..],
        [
            "mfffff80000001000,8",
            "Z1,fffff80000002000,1",
            "vCont;c",
            "m10,4"
        ]
    );
}

#[test]
fn a_running_machine_and_a_gone_one_are_told_apart() {
    let (mut debugger, stub, end) = attach(&[]);
    assert_eq!(
        debugger.wait(Duration::from_millis(20)).expect("waited"),
        Waited::Running
    );
    stub.join().expect("joined");
    drop(end);
    assert_eq!(
        debugger.wait(Duration::from_secs(5)).expect("waited"),
        Waited::Closed
    );
}

#[test]
fn a_step_is_made_on_the_processor_that_stopped() {
    let (mut debugger, stub, _end) = attach(&["T05thread:03;", "T05thread:03;"]);
    debugger.resume().expect("sent");
    assert_eq!(
        debugger.wait(Duration::from_secs(5)).expect("stopped"),
        Waited::Stopped(Stop::Trap)
    );
    assert_eq!(debugger.step().expect("stepped"), Stop::Trap);
    let requests = stub.join().expect("joined");
    assert_eq!(requests[2..], ["vCont;c", "vCont;s:03"]);
}
