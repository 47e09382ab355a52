// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import dev.knarr.api.v1alpha1.InferenceCluster;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.Labels;
import dev.knarr.operator.dependent.NameTakenException;
import dev.knarr.operator.tls.ClusterCertificates.Data;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The two Secrets with a cluster's certificates, read by name and written only when they change:
 * the operator may neither list nor watch Secrets. Any thread.
 */
public final class CertificateSecrets {
  private static final Logger LOG = LoggerFactory.getLogger(CertificateSecrets.class);
  private static final PatchContext APPLY =
      new PatchContext.Builder()
          .withPatchType(PatchType.SERVER_SIDE_APPLY)
          .withFieldManager(Labels.OPERATOR)
          .withForce(true)
          .build();

  private final KubernetesClient client;
  private final Lifetimes lifetimes;
  private final Clock clock;

  /**
   * What was done.
   *
   * @param renewed what is new and why; empty when nothing is, or the cluster is
   * @param due when to look again
   */
  public record Applied(List<String> renewed, Instant due) {
    /** Copies the list. */
    public Applied {
      renewed = List.copyOf(renewed);
    }
  }

  /** With certificates of these lifetimes. */
  public CertificateSecrets(KubernetesClient client, Lifetimes lifetimes, Clock clock) {
    this.client = client;
    this.lifetimes = lifetimes;
    this.clock = clock;
  }

  /**
   * Makes, renews and drops what is due.
   *
   * @param groups all groups that have pods or are to have some
   * @return what was done, and when to come back
   * @throws NameTakenException when a Secret of one of the names is not this cluster's
   */
  public Applied apply(InferenceCluster cluster, List<String> groups) {
    var names = ClusterNames.of(cluster);
    var certificates = find(cluster, names.certificatesSecret());
    var authority = find(cluster, names.authoritySecret());
    var before = new Data(texts(authority), texts(certificates));
    var desired = ClusterCertificates.desired(names, groups, before, lifetimes, clock.instant());
    // In this order: a CA may only count as known from when pods were told of it.
    write(cluster, names.certificatesSecret(), desired.data().certificates(), certificates);
    write(cluster, names.authoritySecret(), desired.data().authority(), authority);
    if (!desired.changes().isEmpty()) {
      LOG.info(
          "Certificates of {}/{}: {}",
          names.namespace(),
          names.cluster(),
          String.join("; ", desired.changes()));
    }
    return new Applied(authority.isPresent() ? desired.changes() : List.of(), desired.due());
  }

  /** Removes what {@link #apply} has made, for a cluster that has no more use for it. */
  public void delete(InferenceCluster cluster) {
    var names = ClusterNames.of(cluster);
    for (var name : List.of(names.certificatesSecret(), names.authoritySecret())) {
      get(names.namespace(), name)
          .filter(found -> isOwn(cluster, found))
          .ifPresent(found -> client.resource(found).lockResourceVersion().delete());
    }
  }

  private Optional<Secret> find(InferenceCluster cluster, String name) {
    var found = get(cluster.getMetadata().getNamespace(), name);
    if (found.isPresent() && !isOwn(cluster, found.get())) {
      throw NameTakenException.of(found.get());
    }
    return found;
  }

  private Optional<Secret> get(String namespace, String name) {
    return Optional.ofNullable(client.secrets().inNamespace(namespace).withName(name).get());
  }

  private static boolean isOwn(InferenceCluster cluster, Secret found) {
    return found.getMetadata().getOwnerReferences().stream()
        .anyMatch(
            owner ->
                Boolean.TRUE.equals(owner.getController())
                    && owner.getUid().equals(cluster.getMetadata().getUid()));
  }

  private static Map<String, String> texts(Optional<Secret> secret) {
    var texts = new TreeMap<String, String>();
    secret
        .map(Secret::getData)
        .ifPresent(
            data ->
                data.forEach(
                    (key, value) ->
                        texts.put(
                            key,
                            new String(
                                Base64.getDecoder().decode(value), StandardCharsets.ISO_8859_1))));
    return texts;
  }

  private void write(
      InferenceCluster cluster, String name, Map<String, String> texts, Optional<Secret> before) {
    var data = new TreeMap<String, String>();
    texts.forEach(
        (key, text) ->
            data.put(
                key,
                Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.ISO_8859_1))));
    var labels = Labels.of(cluster.getMetadata().getName(), Labels.Component.CLUSTER);
    if (before.isPresent() && isAsDesired(before.get(), labels, data)) {
      return;
    }
    var secret =
        new SecretBuilder()
            .withNewMetadata()
            .withName(name)
            .withNamespace(cluster.getMetadata().getNamespace())
            // With a version, apply is refused where the object is not the one that was read: two
            // operators, one of which has lost its lease, cannot mix their CAs. Any version refuses
            // an object that has just been made by somebody else.
            .withResourceVersion(
                before.map(found -> found.getMetadata().getResourceVersion()).orElse("1"))
            .withLabels(labels)
            .addNewOwnerReference()
            .withApiVersion(InferenceCluster.GROUP + "/" + InferenceCluster.VERSION)
            .withKind(InferenceCluster.KIND)
            .withName(cluster.getMetadata().getName())
            .withUid(cluster.getMetadata().getUid())
            .withController(true)
            .endOwnerReference()
            .endMetadata()
            .withType("Opaque")
            .withData(data)
            .build();
    client.resource(secret).patch(APPLY);
  }

  /** Whether all that we want is there, and nothing that we wanted once. */
  private static boolean isAsDesired(
      Secret found, Map<String, String> labels, Map<String, String> data) {
    var there = Objects.requireNonNullElse(found.getMetadata().getLabels(), Map.of());
    var held = Objects.requireNonNullElse(found.getData(), Map.<String, String>of());
    return there.entrySet().containsAll(labels.entrySet())
        && held.entrySet().containsAll(data.entrySet())
        && data.keySet().containsAll(ownKeys(found));
  }

  /** The entries that we have applied, by the API server's account of it. */
  private static Set<String> ownKeys(Secret found) {
    var keys = new LinkedHashSet<String>();
    for (ManagedFieldsEntry entry : found.getMetadata().getManagedFields()) {
      if (Labels.OPERATOR.equals(entry.getManager())
          && "Apply".equals(entry.getOperation())
          && entry.getFieldsV1() != null
          && entry.getFieldsV1().getAdditionalProperties().get("f:data")
              instanceof Map<?, ?> fields) {
        fields.keySet().stream()
            .map(String::valueOf)
            .filter(field -> field.startsWith("f:"))
            .forEach(field -> keys.add(field.substring(2)));
      }
    }
    return keys;
  }
}
