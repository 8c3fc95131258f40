//! One pub/sub connection per process, fanned out to any number of subscriptions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use redis::{Client, Msg, RedisError};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// The number of messages that a subscription may be behind before it misses some.
const BUFFER: usize = 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Subscribers may rely on messages, so a dead connection must be noticed soon.
const PING_EVERY: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a [`Subscription`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Messages published from now on will arrive. Comes first, and again after each lost
    /// connection: what was published in between is gone.
    Subscribed,
    /// Nothing that is published arrives until [`Signal::Subscribed`] comes again.
    Lost,
    /// One published message.
    Message(Arc<[u8]>),
    /// The reader was too slow, and messages before the next one are lost.
    Missed,
}

/// A stream of [`Signal`]s of one channel; dropping it ends the subscription. It never ends by
/// itself.
#[derive(Debug)]
pub struct Subscription {
    signals: mpsc::Receiver<Signal>,
    channel: String,
    requests: mpsc::UnboundedSender<Request>,
}

impl Subscription {
    /// The next signal; waits for as long as it takes.
    pub async fn recv(&mut self) -> Option<Signal> {
        self.signals.recv().await
    }
}

impl Stream for Subscription {
    type Item = Signal;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.signals.poll_recv(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.signals.close();
        // The task may have ended with its runtime; then there is nothing left to clean up.
        let _ = self
            .requests
            .send(Request::Forget(std::mem::take(&mut self.channel)));
    }
}

#[derive(Debug)]
enum Request {
    Listen(String, mpsc::Sender<Signal>),
    /// Removes closed subscriptions of this channel.
    Forget(String),
}

/// Starts the connection task at the first subscription.
pub(super) struct Dispatcher {
    client: Client,
    requests: OnceLock<mpsc::UnboundedSender<Request>>,
}

impl Dispatcher {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            requests: OnceLock::new(),
        }
    }

    pub(super) fn subscribe(&self, channel: String) -> Subscription {
        let requests = self.requests.get_or_init(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(run(self.client.clone(), receiver));
            sender
        });
        let (sender, signals) = mpsc::channel(BUFFER);
        let _ = requests.send(Request::Listen(channel.clone(), sender));
        Subscription {
            signals,
            channel,
            requests: requests.clone(),
        }
    }
}

struct Listener {
    signals: mpsc::Sender<Signal>,
    /// A message was dropped since the last one delivered.
    missed: bool,
}

impl Listener {
    /// Delivers without waiting; `false` if the subscription has ended.
    fn deliver(&mut self, signal: Signal) -> bool {
        if self.missed {
            match self.signals.try_send(Signal::Missed) {
                Ok(()) => self.missed = false,
                Err(mpsc::error::TrySendError::Full(_)) => return true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        match self.signals.try_send(signal) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed = true;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

#[derive(Default)]
struct Listeners(HashMap<String, Vec<Listener>>);

/// The command to send to the server after a [`Request`].
enum Change {
    None,
    Subscribe(String),
    Unsubscribe(String),
}

impl Listeners {
    fn apply(&mut self, request: Request) -> Change {
        match request {
            Request::Listen(channel, signals) => {
                let listener = Listener {
                    signals,
                    missed: false,
                };
                match self.0.entry(channel) {
                    Entry::Occupied(mut known) => {
                        known.get_mut().push(listener);
                        Change::None
                    }
                    Entry::Vacant(new) => {
                        let channel = new.key().clone();
                        new.insert(vec![listener]);
                        Change::Subscribe(channel)
                    }
                }
            }
            Request::Forget(channel) => {
                let Entry::Occupied(mut known) = self.0.entry(channel) else {
                    return Change::None;
                };
                known.get_mut().retain(|l| !l.signals.is_closed());
                if known.get().is_empty() {
                    Change::Unsubscribe(known.remove_entry().0)
                } else {
                    Change::None
                }
            }
        }
    }

    fn deliver(&mut self, channel: &str, signal: &Signal) {
        if let Some(listeners) = self.0.get_mut(channel) {
            listeners.retain_mut(|listener| listener.deliver(signal.clone()));
        }
    }

    fn deliver_to_all(&mut self, signal: &Signal) {
        for listeners in self.0.values_mut() {
            listeners.retain_mut(|listener| listener.deliver(signal.clone()));
        }
    }

    fn message(&mut self, message: &Msg) {
        let payload = Arc::from(message.get_payload_bytes());
        self.deliver(message.get_channel_name(), &Signal::Message(payload));
    }
}

/// Keeps one connection for all listeners until every handle is gone.
async fn run(client: Client, mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut listeners = Listeners::default();
    let mut pause = PAUSE_MIN;
    let mut lost = false;
    loop {
        while listeners.0.is_empty() {
            match requests.recv().await {
                Some(request) => drop(listeners.apply(request)),
                None => return,
            }
        }
        match timeout(CONNECT_TIMEOUT, connect(&client, &listeners)).await {
            Ok(Ok(connection)) => {
                pause = PAUSE_MIN;
                lost = false;
                listeners.deliver_to_all(&Signal::Subscribed);
                match listen(connection, &mut listeners, &mut requests).await {
                    Ended::Released => return,
                    Ended::Idle => continue,
                    Ended::Lost => tracing::warn!("redis pub/sub connection lost"),
                }
            }
            Ok(Err(error)) => tracing::debug!(error = %error, "redis pub/sub connection failed"),
            Err(_) => tracing::debug!("redis pub/sub connection timed out"),
        }
        if !std::mem::replace(&mut lost, true) {
            listeners.deliver_to_all(&Signal::Lost);
        }
        let waited = sleep(pause);
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => break,
                request = requests.recv() => match request {
                    Some(request) => drop(listeners.apply(request)),
                    None => return,
                },
            }
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn connect(client: &Client, listeners: &Listeners) -> Result<PubSub, RedisError> {
    let mut connection = client.get_async_pubsub().await?;
    let channels: Vec<&String> = listeners.0.keys().collect();
    connection.subscribe(channels).await?;
    Ok(connection)
}

enum Ended {
    /// The connection broke.
    Lost,
    /// There is no subscription at the moment.
    Idle,
    /// No handle is left.
    Released,
}

async fn listen(
    connection: PubSub,
    listeners: &mut Listeners,
    requests: &mut mpsc::UnboundedReceiver<Request>,
) -> Ended {
    let (mut sink, mut messages): (PubSubSink, PubSubStream) = connection.split();
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => listeners.message(&message),
                None => return Ended::Lost,
            },
            request = requests.recv() => {
                let Some(request) = request else { return Ended::Released };
                let joining = match &request {
                    Request::Listen(_, signals) => Some(signals.clone()),
                    Request::Forget(_) => None,
                };
                let change = listeners.apply(request);
                if listeners.0.is_empty() {
                    return Ended::Idle;
                }
                if tell(&mut sink, change).await.is_err() {
                    return Ended::Lost;
                }
                if let Some(signals) = joining {
                    let _ = signals.try_send(Signal::Subscribed);
                }
            }
            _ = ping.tick() => {
                // A half-open connection delivers nothing and reports nothing, so it is pinged.
                if !matches!(timeout(CONNECT_TIMEOUT, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                    return Ended::Lost;
                }
            }
        }
    }
}

async fn tell(sink: &mut PubSubSink, change: Change) -> Result<(), ()> {
    let told = match change {
        Change::None => return Ok(()),
        Change::Subscribe(channel) => timeout(CONNECT_TIMEOUT, sink.subscribe(channel)).await,
        Change::Unsubscribe(channel) => timeout(CONNECT_TIMEOUT, sink.unsubscribe(channel)).await,
    };
    match told {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
