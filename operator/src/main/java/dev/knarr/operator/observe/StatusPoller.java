// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.observe.HeadAnswer.Rates;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the pods of all clusters for their status, each on its own beat, and has a cluster
 * reconciled when something that a user sees has changed. Any thread; nothing here waits for a pod.
 */
public final class StatusPoller extends AbstractEventSource<Answer, InferenceCluster>
    implements ResourceEventAware<InferenceCluster> {
  private static final Logger LOG = LoggerFactory.getLogger(StatusPoller.class);

  /** How many pods are asked at the same time: 128 that hang are 64 in each second. */
  private static final int AT_ONCE = 128;

  private static final Duration RATES_BEAT = Duration.ofMinutes(1);

  /**
   * How often pods are asked.
   *
   * @param starting while something is going on
   * @param ready while requests are served
   * @param doubt after an answer did not come that used to come
   * @param timeout what one answer may take
   */
  public record Beat(Duration starting, Duration ready, Duration doubt, Duration timeout) {
    /**
     * A head that freezes is named after 10 s at the latest: 5 s until it is asked, 2 s without an
     * answer, 1 s, and 2 s without an answer again.
     */
    public static final Beat DEFAULT =
        new Beat(
            Duration.ofSeconds(2),
            Duration.ofSeconds(5),
            Duration.ofSeconds(1),
            Duration.ofSeconds(2));
  }

  /** Whom to ask for what. */
  enum Role {
    HEAD("head"),
    FETCH("fetch");

    private final String text;

    Role(String text) {
      this.text = text;
    }
  }

  /**
   * A pod to ask.
   *
   * @param clusterUid the UID it must name
   * @param podUid the UID it must name
   * @param podName for messages
   * @param ip its address
   * @param role what runs there
   */
  record Target(String clusterUid, String podUid, String podName, String ip, Role role) {
    boolean answersAs(@Nullable AnswerIdentity identity) {
      return identity != null
          && clusterUid.equals(identity.clusterUid())
          && podUid.equals(identity.podUid());
    }
  }

  private final int port;
  private final Beat beat;
  private final Clock clock;
  private final StatusClient client;
  private final Semaphore slots = new Semaphore(AT_ONCE);
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().name("status-beat").daemon().factory());
  private final Map<ResourceID, Map<Target, Watched>> watched = new ConcurrentHashMap<>();

  /**
   * A poller that asks nobody yet.
   *
   * @param port where every pod serves its status
   */
  public StatusPoller(int port, Beat beat, Clock clock) {
    super(Answer.class, "pod-status");
    this.port = port;
    this.beat = beat;
    this.clock = clock;
    this.client = new StatusClient(beat.timeout());
  }

  /** From now on these pods of a cluster are asked, and no others. */
  void follow(ResourceID cluster, Collection<Target> targets) {
    if (targets.isEmpty()) {
      watched.remove(cluster);
      return;
    }
    var pods = watched.computeIfAbsent(cluster, _ -> new ConcurrentHashMap<>());
    pods.keySet().retainAll(Set.copyOf(targets));
    for (var target : targets) {
      var pod = new Watched(cluster, target);
      // Only what is in the map is asked, so that comes first.
      if (pods.putIfAbsent(target, pod) == null) {
        schedule(pod, Duration.ZERO);
      }
    }
  }

  /** What a pod that is followed last said, or that it is silent; empty before the first time. */
  Optional<Answer> answer(ResourceID cluster, Target target) {
    return Optional.ofNullable(watched.getOrDefault(cluster, Map.of()).get(target))
        .flatMap(Watched::answer);
  }

  /** How often a head has started llama-server again since this was last asked. */
  int newRestarts(ResourceID cluster, Target target) {
    var pod = watched.getOrDefault(cluster, Map.of()).get(target);
    return pod == null ? 0 : pod.newRestarts();
  }

  @Override
  public void onResourceDeleted(InferenceCluster cluster) {
    watched.remove(ResourceID.fromResource(cluster));
  }

  @Override
  public Set<Answer> getSecondaryResources(InferenceCluster cluster) {
    var answers = new HashSet<Answer>();
    watched
        .getOrDefault(ResourceID.fromResource(cluster), Map.of())
        .values()
        .forEach(pod -> pod.answer().ifPresent(answers::add));
    return answers;
  }

  @Override
  public void stop() {
    timer.shutdownNow();
    watched.clear();
    client.close();
    super.stop();
  }

  private void schedule(Watched pod, Duration delay) {
    try {
      var _ =
          timer.schedule(
              () -> Thread.ofVirtual().name("status " + pod.target.podName).start(() -> ask(pod)),
              delay.toMillis(),
              TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      LOG.debug("{} is not asked any more: the operator stops", pod.target.podName);
    }
  }

  private void ask(Watched pod) {
    try {
      slots.acquire();
      try {
        if (isFollowed(pod) && pod.hear(fetch(pod.target))) {
          LOG.debug("{} of {} has news", pod.target.podName, pod.cluster);
          getEventHandler().handleEvent(new Event(pod.cluster));
        }
      } finally {
        slots.release();
      }
    } catch (RuntimeException e) {
      LOG.error("Asking {} of {} failed", pod.target.podName, pod.cluster, e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    if (isFollowed(pod)) {
      schedule(pod, pod.pause());
    }
  }

  private boolean isFollowed(Watched pod) {
    return watched.getOrDefault(pod.cluster, Map.of()).get(pod.target) == pod;
  }

  /** What the pod says; a clause that begins with "it" or "its" when that is nothing of use. */
  private Heard fetch(Target target) throws InterruptedException {
    try {
      return switch (target.role) {
        case HEAD -> {
          var head = client.ask(target.ip, port, HeadAnswer.class);
          yield target.answersAs(head.identity())
              ? new Heard(new Answer.OfHead(head), "")
              : stranger();
        }
        case FETCH -> {
          var fetch = client.ask(target.ip, port, FetchAnswer.class);
          yield target.answersAs(fetch.identity())
              ? new Heard(new Answer.OfFetch(fetch), "")
              : stranger();
        }
      };
    } catch (IOException e) {
      return new Heard(null, String.valueOf(e.getMessage()));
    }
  }

  private static Heard stranger() {
    return new Heard(null, "what answers there belongs to another pod or cluster");
  }

  private record Heard(@Nullable Answer answer, String failure) {}

  /** A pod that is asked again and again, one question at a time. */
  private final class Watched {
    private final ResourceID cluster;
    private final Target target;
    private @Nullable Answer shown;
    private int failures;
    private int knownRestarts = -1;
    private Rates shownRates = Rates.NONE;
    private Instant ratesShownAt = Instant.MIN;

    Watched(ResourceID cluster, Target target) {
      this.cluster = cluster;
      this.target = target;
    }

    synchronized Optional<Answer> answer() {
      return Optional.ofNullable(shown);
    }

    /** Takes what was heard; returns whether it is news. */
    synchronized boolean hear(Heard heard) {
      var next = heard.answer == null ? silence(heard.failure) : calm(heard.answer);
      if (next == null || next.equals(shown)) {
        return false;
      }
      shown = next;
      return true;
    }

    /** One answer that did not come says little; the second in a row does. */
    private @Nullable Answer silence(String clause) {
      failures++;
      var answered = shown instanceof Answer.OfHead || shown instanceof Answer.OfFetch;
      if (answered && failures < 2) {
        return null;
      }
      var before = answered || (shown instanceof Answer.Silence silence && silence.everAnswered());
      return new Answer.Silence(
          "The %s in pod %s at %s is not to be reached: %s."
              .formatted(target.role.text, target.podName, target.ip, clause),
          before);
    }

    /** Rates change with every request; a new one is shown once a minute. */
    private Answer calm(Answer answer) {
      failures = 0;
      return switch (answer) {
        case Answer.OfHead(var head) -> {
          var rates = Rounding.twoDigits(head.tokensPerSecond());
          var now = clock.instant();
          if (!rates.equals(shownRates) && ratesShownAt.isBefore(now.minus(RATES_BEAT))) {
            shownRates = rates;
            ratesShownAt = now;
          }
          yield new Answer.OfHead(head.with(shownRates));
        }
        case Answer.OfFetch _, Answer.Silence _ -> answer;
      };
    }

    /** A head that is heard for the first time has told its past to somebody else. */
    synchronized int newRestarts() {
      if (!(shown instanceof Answer.OfHead(var head))) {
        return 0;
      }
      int before = knownRestarts < 0 ? head.llamaServer().restarts() : knownRestarts;
      knownRestarts = head.llamaServer().restarts();
      return Math.max(0, knownRestarts - before);
    }

    synchronized Duration pause() {
      if (failures > 0) {
        return shown instanceof Answer.Silence ? beat.starting : beat.doubt;
      }
      return shown instanceof Answer.OfHead(var head) && head.ready() ? beat.ready : beat.starting;
    }
  }
}
