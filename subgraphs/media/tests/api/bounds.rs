//! What working on a picture may cost, and what it may touch.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use atelier_kit::{actor::Actor, jobs::TaskFailure};
use atelier_media::{ImageLimits, MediaConfig};
use image::RgbImage;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    pictures,
    world::{OnStep, Ran, World, config, noise, somebody, world_with},
};

const MIB: u64 = 1024 * 1024;

async fn world_limited(limits: ImageLimits) -> World {
    world_with(MediaConfig {
        images: limits,
        multipart_threshold: 64 * MIB,
        ..config()
    })
    .await
}

/// A picture that compresses badly, so that every step has to work.
fn noisy(side: u32) -> Vec<u8> {
    let pixels = noise(1, (side * side * 3) as usize);
    pictures::png(&RgbImage::from_raw(side, side, pixels).unwrap(), None)
}

/// Uploads a picture and has it worked on.
async fn derive(world: &World, me: &Actor, bytes: &[u8], content_type: &str) -> Ran {
    let completed = world.upload(me, "a", content_type, bytes).await;
    assert_eq!(completed["asset"]["status"], "PROCESSING");
    world.work().await.pop().unwrap()
}

/// The processes that this one has started and that still run.
#[cfg(target_os = "linux")]
fn children() -> Vec<u32> {
    let parent = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let ours = |pid: &u32| {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            return false;
        };
        rest.split(' ').nth(1) == Some(&parent) && !rest.starts_with('Z')
    };
    pids.filter(ours).collect()
}

/// Looks at the children of this process until it is told to stop, and gives the most memory that any
/// of them has had, in bytes.
#[cfg(target_os = "linux")]
fn watch_memory(stop: CancellationToken) -> std::thread::JoinHandle<u64> {
    let peak = |pid: u32| -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        // Before it has become another program, a child is a copy of this process.
        let program = status.lines().next()?;
        program.contains("atelier-picture").then_some(kib * 1024)
    };
    std::thread::spawn(move || {
        let mut most = 0;
        while !stop.is_cancelled() {
            most = children().into_iter().filter_map(peak).fold(most, u64::max);
            std::thread::sleep(Duration::from_millis(1));
        }
        most
    })
}

fn failure(ran: &Ran) -> String {
    match &ran.outcome {
        Err(TaskFailure::GiveUp(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A PNG with a colour profile of so many zeros, which take a thousandth of that in the file.
fn with_profile(bytes: u64) -> Vec<u8> {
    let png = pictures::png(&pictures::halves(40, 30), None);
    let mut data = b"profile\0\0".to_vec();
    let mut zlib = flate2::write::ZlibEncoder::new(&mut data, flate2::Compression::fast());
    for _ in 0..bytes / MIB {
        zlib.write_all(&[0; MIB as usize]).unwrap();
    }
    zlib.finish().unwrap();
    let mut chunk = b"iCCP".to_vec();
    chunk.extend_from_slice(&data);
    let mut crc = flate2::Crc::new();
    crc.update(&chunk);
    // Behind the signature and the header.
    let mut bomb = png[..33].to_vec();
    bomb.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    bomb.extend_from_slice(&chunk);
    bomb.extend_from_slice(&crc.sum().to_be_bytes());
    bomb.extend_from_slice(&png[33..]);
    bomb
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_whatever_asks_for_it() {
    let limit = 48 * MIB;
    let world = world_limited(ImageLimits {
        max_memory: limit,
        ..config().images
    })
    .await;
    let me = somebody(&world);
    let watching = CancellationToken::new();
    let memory = watch_memory(watching.clone());
    let bomb = with_profile(256 * MIB);
    assert!((bomb.len() as u64) < 4 * MIB);
    // A profile is nothing that a picture needs: whether the rest is read is the decoder's choice.
    let ran = derive(&world, &me, &bomb, "image/png").await;
    if ran.outcome.is_err() {
        assert!(failure(&ran).contains("too large"), "{}", failure(&ran));
    }
    // Pixels that would just fit, in a format that needs them twice.
    let twice = pictures::webp(&pictures::halves(3000, 3000), None);
    let ran = derive(&world, &me, &twice, "image/webp").await;
    assert!(failure(&ran).contains("too large"), "{}", failure(&ran));
    watching.cancel();
    let (program, peak) = (64 * MIB, memory.join().unwrap());
    assert!((1..limit + program).contains(&peak), "{peak}");
    assert_eq!(children(), Vec::<u32>::new());
    // Neither has hurt anybody else.
    let good = pictures::png(&pictures::halves(300, 200), None);
    derive(&world, &me, &good, "image/png")
        .await
        .outcome
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_takes_too_long_is_given_up_and_nothing_goes_on() {
    let world = world_limited(ImageLimits {
        max_duration: Duration::from_millis(40),
        ..config().images
    })
    .await;
    let me = somebody(&world);
    let ran = derive(&world, &me, &noisy(2000), "image/png").await;
    assert_eq!(failure(&ran), "the picture takes too long to process");
    #[cfg(target_os = "linux")]
    assert_eq!(children(), Vec::<u32>::new());
    let query = "{ viewer { assets { nodes { status failure derivatives { name } } } } }";
    let read = world.data(&me, query, json!({})).await;
    assert_eq!(
        read["viewer"]["assets"]["nodes"][0],
        json!({ "status": "ACTIVE", "failure": "the picture takes too long to process", "derivatives": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_task_is_stopped_meanwhile_is_left_to_another_worker() {
    let world = world_limited(config().images).await;
    let me = somebody(&world);
    world.upload(&me, "a", "image/png", &noisy(2000)).await;
    let task = world.tasks().await.pop().unwrap();
    let on_step: OnStep = Box::new(|step, stop| {
        if step == "decode" {
            #[cfg(target_os = "linux")]
            assert_eq!(children().len(), 1);
            stop.cancel();
        }
    });
    let stop = CancellationToken::new();
    let ran = world.run_watched(task, stop, on_step).await;
    assert!(matches!(ran.outcome, Err(TaskFailure::Cancelled)));
    #[cfg(target_os = "linux")]
    assert_eq!(children(), Vec::<u32>::new());
    assert_eq!(world.database().rows("media.derivative").await, 0);
    let query = "{ viewer { assets { nodes { status } } } }";
    let read = world.data(&me, query, json!({})).await;
    assert_eq!(read["viewer"]["assets"]["nodes"][0]["status"], "PROCESSING");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_works_on_a_picture_has_no_secrets_files_or_rights() {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    let world = world_limited(config().images).await;
    let me = somebody(&world);
    // A descriptor that somebody forgot to keep to this process.
    let secret = tempfile::NamedTempFile::new().unwrap();
    fcntl(&secret, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    world.upload(&me, "a", "image/png", &noisy(2000)).await;
    let task = world.tasks().await.pop().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let on_step: OnStep = Box::new(move |step, stop| {
        if step == "decode" {
            *noted.lock().unwrap() = Some(look_at(children()[0]));
            stop.cancel();
        }
    });
    let stop = CancellationToken::new();
    world.run_watched(task, stop, on_step).await;
    let seen = seen.lock().unwrap().take().unwrap();
    let names: Vec<_> = seen
        .environment
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "MALLOC_ARENA_MAX",
            "MIMALLOC_DISALLOW_ARENA_ALLOC",
            "RAYON_NUM_THREADS"
        ]
    );
    let path = secret.path().to_str().unwrap();
    assert!(
        !seen.files.iter().any(|file| file == path),
        "{:?}",
        seen.files
    );
    let pipes = seen.files.iter().filter(|file| file.starts_with("pipe:"));
    assert!(
        pipes.count() >= 2 && seen.files.len() <= 6,
        "{:?}",
        seen.files
    );
    let status = |name: &str| {
        let line = seen.status.lines().find(|line| line.starts_with(name));
        let (_, value) = line.unwrap().split_once(':').unwrap();
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (status("NoNewPrivs"), status("Seccomp")),
        ("1".into(), "2".into())
    );
    assert_eq!(status("CapEff"), "0000000000000000");
    assert!(
        !status("Uid").split(' ').any(|id| id == "0"),
        "{}",
        status("Uid")
    );
    assert!(
        !status("Gid").split(' ').any(|id| id == "0"),
        "{}",
        status("Gid")
    );
    assert_eq!(status("Groups"), "");
    for (name, bounded) in [
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "16"),
    ] {
        let line = seen.limits.lines().find(|line| line.starts_with(name));
        assert!(
            line.unwrap()[name.len()..].trim().starts_with(bounded),
            "{line:?}"
        );
    }
    for name in ["Max cpu time", "Max address space"] {
        let line = seen.limits.lines().find(|line| line.starts_with(name));
        assert!(
            !line.unwrap()[name.len()..].trim().starts_with("unlimited"),
            "{line:?}"
        );
    }
}

#[cfg(target_os = "linux")]
struct Seen {
    environment: String,
    files: Vec<String>,
    status: String,
    limits: String,
}

/// Looks at another process by what the kernel tells.
#[cfg(target_os = "linux")]
fn look_at(pid: u32) -> Seen {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let target = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap();
        target.to_string_lossy().into_owned()
    };
    Seen {
        environment: read("environ"),
        files: files.map(target).collect(),
        status: read("status"),
        limits: read("limits"),
    }
}

#[test]
fn a_process_whose_listener_is_gone_ends_by_itself() {
    let mut picture = tempfile::tempfile().unwrap();
    picture.write_all(&noisy(1200)).unwrap();
    std::io::Seek::rewind(&mut picture).unwrap();
    let order = json!({
        "limits": { "max_pixels": 100_000_000, "max_memory": 512 * MIB, "avif_speed": 1 },
        "cpu_seconds": 600,
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_atelier-picture-worker"))
        .arg(order.to_string())
        .stdin(picture)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It has begun; then whoever started it dies.
    let mut answer = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut answer, &mut [0; 4]).unwrap();
    drop(answer);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn nobody_else_can_use_the_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_atelier-picture-worker"))
        .arg("{}")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
}
