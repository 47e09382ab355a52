// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.Labels;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Events of the cluster's namespace, as {@code kubectl describe} shows them. Occurrences of the
 * same reason and subject are one object with a count, whose name follows from them: that needs no
 * memory, so it holds over restarts of the operator. They are of the core API, since an event of
 * {@code events.k8s.io} may not change its words. Any thread.
 */
public final class KubernetesEvents implements Events {
  private static final Logger LOG = LoggerFactory.getLogger(KubernetesEvents.class);
  private static final int HASH_BYTES = 8;

  /** What the API takes at most. */
  private static final int LONGEST = 1024;

  private final KubernetesClient client;
  private final String instance;
  private final Clock clock;

  /**
   * Events that name their author.
   *
   * @param instance the operator's pod
   */
  public KubernetesEvents(KubernetesClient client, String instance, Clock clock) {
    this.client = client;
    this.instance = instance;
    this.clock = clock;
  }

  @Override
  public void publish(InferenceCluster cluster, Occurrence occurrence) {
    var event = event(cluster, occurrence);
    try {
      create(event);
    } catch (KubernetesClientException e) {
      LOG.warn(
          "The event {} of {}/{} could not be written: {}",
          occurrence.reason(),
          cluster.getMetadata().getNamespace(),
          cluster.getMetadata().getName(),
          e.getMessage());
    }
  }

  private void create(Event event) {
    var events = client.v1().events().inNamespace(event.getMetadata().getNamespace());
    try {
      events.resource(event).create();
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        throw e;
      }
      // By its name: of an object that is given, the client takes that for the one that is there.
      events
          .withName(event.getMetadata().getName())
          .edit(
              known ->
                  new EventBuilder(known)
                      .withMessage(event.getMessage())
                      .withType(event.getType())
                      .withCount(Objects.requireNonNullElse(known.getCount(), 0) + 1)
                      .withLastTimestamp(event.getLastTimestamp())
                      .build());
    }
  }

  private Event event(InferenceCluster cluster, Occurrence occurrence) {
    var metadata = cluster.getMetadata();
    var now = clock.instant().truncatedTo(ChronoUnit.SECONDS).toString();
    var message = occurrence.message();
    return new EventBuilder()
        .withNewMetadata()
        .withName(
            "%s.%s"
                .formatted(
                    metadata.getName(),
                    hash(metadata.getUid(), occurrence.reason(), occurrence.subject())))
        .withNamespace(metadata.getNamespace())
        .endMetadata()
        .withNewInvolvedObject()
        .withApiVersion(cluster.getApiVersion())
        .withKind(cluster.getKind())
        .withName(metadata.getName())
        .withNamespace(metadata.getNamespace())
        .withUid(metadata.getUid())
        .endInvolvedObject()
        .withType(occurrence.warning() ? "Warning" : "Normal")
        .withReason(occurrence.reason())
        .withMessage(message.length() > LONGEST ? message.substring(0, LONGEST) : message)
        .withNewSource()
        .withComponent(Labels.OPERATOR)
        .endSource()
        .withReportingComponent(Labels.OPERATOR)
        .withReportingInstance(instance)
        .withCount(1)
        .withFirstTimestamp(now)
        .withLastTimestamp(now)
        .build();
  }

  private static String hash(String... parts) {
    try {
      var digest =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", parts).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(Arrays.copyOf(digest, HASH_BYTES));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256", e);
    }
  }
}
