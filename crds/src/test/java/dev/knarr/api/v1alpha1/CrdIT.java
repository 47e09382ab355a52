// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.knarr.testkit.kube.ApiServer;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.StatusCause;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The CRD on a real API server says what the reader of files says. */
class CrdIT {
  private static final Path VALID = Path.of("src/test/resources/valid");
  private static final Path QUICKSTART = Path.of("../docs/examples/quickstart.yaml");
  private static final String NAMESPACE = "ai";

  /** What only files can break: which reader they are for, and sources of Kubernetes. */
  private static final Set<String> LOCAL_ONLY =
      Set.of(Sentences.API_VERSION, Sentences.KIND, Sentences.LOCAL_SOURCE);

  /** Files that no client can send: they are no YAML, no single object, or no InferenceCluster. */
  private static final Set<String> NOT_SENT =
      Set.of(
          "duplicate-keys.yaml",
          "empty.yaml",
          "not-a-map.yaml",
          "not-yaml.yaml",
          "nothing-but-metadata.yaml",
          "refers-to-itself.yaml",
          "two-documents.yaml",
          "wrong-kind.yaml");

  /** Types and unknown fields, of which the API server speaks in its own words. */
  private static final Map<String, String> OWN_WORDS =
      Map.of(
          "unknown-fields.yaml", "unknown field \"spec.model.contextLenght\"",
          "wrong-types.yaml", "spec.model.flashAttention: Unsupported value: \"auto\"");

  /** Beside our sentence about it: keys of a list that is a map are unique by its kind. */
  private static final String DUPLICATE = "Duplicate value:.*";

  /** The rules by which the API server has refused something. */
  private static final Set<CrdRules.Rule> SPOKEN = new HashSet<>();

  private static ApiServer server;
  private static KubernetesClient client;

  @BeforeAll
  static void install() {
    server = ApiServer.shared();
    client = server.client();
    // As users do, so that its size is proven to be enough for what kubectl keeps in annotations.
    server.kubectl("apply", "-f", GeneratedFilesTest.CRD_FILE.toString());
    server.awaitKind("inferenceclusters.knarr.dev");
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .create();
  }

  static Stream<Path> comparable() throws IOException {
    return InvalidFilesTest.files().stream()
        .filter(file -> !NOT_SENT.contains(name(file)) && !OWN_WORDS.containsKey(name(file)));
  }

  static Stream<Path> valid() throws IOException {
    try (var files = Files.list(VALID)) {
      return Stream.concat(files.toList().stream(), InferenceClusterFileTest.examples())
          .filter(file -> !file.endsWith(QUICKSTART.getFileName()));
    }
  }

  @ParameterizedTest
  @MethodSource("comparable")
  void whenAFileIsInvalid_thenBothSaySo(Path file) throws IOException {
    var local =
        InvalidFilesTest.problems(file).stream()
            .filter(problem -> !LOCAL_ONLY.contains(problem.message()))
            .map(problem -> new Violation(problem.field(), problem.message()))
            .toList();

    var remote = violations(() -> dryRun(read(file)));

    if (local.isEmpty()) {
      assertThat(remote).isEmpty();
    }
    assertThat(remote).allSatisfy(said -> assertThat(local).anyMatch(l -> covers(said, l)));
    assertThat(local).allSatisfy(said -> assertThat(remote).anyMatch(r -> covers(r, said)));
  }

  @Test
  void whenTypesAreWrong_thenTheApiServerSaysSoInItsWords() throws IOException {
    for (var entry : OWN_WORDS.entrySet()) {
      var refused = refused(() -> dryRun(read(InvalidFilesTest.FOLDER.resolve(entry.getKey()))));

      assertThat(refused).hasMessageContaining(entry.getValue());
    }
  }

  @Test
  void whenAllRulesAreBroken_thenEachHasSpoken() throws IOException {
    SPOKEN.clear();
    for (var file : comparable().toList()) {
      violations(() -> dryRun(read(file)));
    }
    path();
    changedKind();
    changedSize();
    changedClaim();

    assertThat(SPOKEN).containsAll(CrdRules.of(GeneratedFilesTest.CRD_FILE));
    assertThat(SPOKEN)
        .extracting(CrdRules.Rule::sentence)
        .containsAll(
            InvalidFilesTest.sentences().stream()
                .filter(sentence -> !LOCAL_ONLY.contains(sentence))
                .toList());
  }

  @Test
  void whenThePathIsOfALocalMachine_thenItIsRefusedWithTheRemedy() {
    assertThat(path())
        .containsExactly(new Violation("spec.model.source.path", Sentences.KUBERNETES_PATH));
  }

  private static List<Violation> path() {
    return violations(() -> dryRun(read(QUICKSTART)));
  }

  @ParameterizedTest
  @MethodSource("valid")
  void whenAFileIsValid_thenItIsTakenAndDefaultsAreThoseOfFiles(Path file) throws IOException {
    var created = create(read(file));

    var stored = Serialization.unmarshal(Serialization.asJson(created), InferenceCluster.class);
    client.resource(created).delete();
    assertThat(ResolvedSpec.from(stored))
        .usingRecursiveComparison()
        .ignoringFields("workers.spec", "head.spec")
        .isEqualTo(InferenceClusterFile.read(file).resolved());
    assertThat(created.<Integer>get("spec", "head", "service", "port")).isEqualTo(8080);
    assertThat(created.<String>get("spec", "workers", 0, "tensorCache", "size")).isNotEmpty();
  }

  @Nested
  class GivenAClusterWithCaches {
    @Test
    void whenTheKindOfACacheChanges_thenItIsRefused() {
      assertThat(changedKind())
          .containsExactly(
              new Violation("spec.workers[0].tensorCache", Sentences.CACHE_KIND_FIXED));
    }

    @Test
    void whenTheSizeOfAClaimedCacheChanges_thenItIsRefused() {
      assertThat(changedSize())
          .containsExactly(
              new Violation("spec.workers[0].tensorCache.size", Sentences.CACHE_SIZE_FIXED));
    }

    @Test
    void whenAClaimChanges_thenItIsRefused() {
      assertThat(changedClaim())
          .containsExactly(
              new Violation("spec.workers[0].tensorCache.claim", Sentences.CLAIM_FIXED));
    }

    @Test
    void whenTheCacheIsAFolderOfThePod_thenItsSizeMayChange() {
      assertThat(changed("{ size: 20Gi }", "{ size: 30Gi, emptyDir: { sizeLimit: 40Gi } }"))
          .isEmpty();
    }
  }

  private static List<Violation> changedKind() {
    return changed("{ claim: {} }", "{ hostPath: { path: /cache } }");
  }

  private static List<Violation> changedSize() {
    return changed("{ claim: {} }", "{ claim: {}, size: 30Gi }");
  }

  private static List<Violation> changedClaim() {
    return changed("{ claim: {} }", "{ claim: { storageClassName: fast } }");
  }

  /** What is said when the cache of a group that exists changes. */
  private static List<Violation> changed(String before, String after) {
    create(withCache(before));
    try {
      return violations(
          () ->
              client
                  .resource(withCache(after))
                  .inNamespace(NAMESPACE)
                  .fieldValidation(Validation.STRICT)
                  .update());
    } finally {
      client.resource(withCache(after)).inNamespace(NAMESPACE).delete();
    }
  }

  private static GenericKubernetesResource withCache(String cache) {
    return cluster("cached", "workers: [{ name: cpu, backend: cpu, tensorCache: " + cache + " }]");
  }

  @Nested
  class GivenARuleThatCameLater {
    @Test
    void whenAnotherFieldChanges_thenTheOldValueIsTolerated() {
      var crd = read(GeneratedFilesTest.CRD_FILE);
      var older = crd.replace("self >= 0 && self <= 3600", "true");
      assertThat(older).isNotEqualTo(crd);
      replace(older);
      var name = "older";
      var old = "workers: [{ name: cpu, backend: cpu }]\n  head: { drainSeconds: 5000 }";
      await("the older definition is in force")
          .until(() -> violations(() -> create(cluster(name, old))).isEmpty());
      replace(crd);
      await("the newer definition is in force")
          .until(() -> !violations(() -> dryRun(cluster("newer", old))).isEmpty());

      var stopped = violations(() -> update(cluster(name, "replicas: 0\n  " + old)));
      var worse = violations(() -> update(cluster(name, old.replace("5000", "6000"))));

      assertThat(stopped).isEmpty();
      assertThat(worse)
          .containsExactly(new Violation("spec.head.drainSeconds", Sentences.DRAIN_SECONDS));
      client.resource(cluster(name, old)).inNamespace(NAMESPACE).delete();
    }

    private static void replace(String crd) {
      client.resource(Serialization.unmarshal(crd, CustomResourceDefinition.class)).update();
    }
  }

  @Nested
  class GivenKubectl {
    @Test
    void whenAClusterIsListed_thenItsColumnsTellItsState() {
      create(cluster("listed", "workers: [{ name: cpu, backend: cpu }]"));
      var status = new InferenceClusterStatus();
      status.setPhase("Ready");
      status.setReason("AsPlanned");
      status.setWorkersReady("1/1");
      status.setMessage("Serving.");
      status.setObservedGeneration(1L);
      status.setReplicas(1);
      status.setSelector("app.kubernetes.io/instance=listed");
      client
          .resources(InferenceCluster.class)
          .inNamespace(NAMESPACE)
          .withName("listed")
          .editStatus(
              cluster -> {
                cluster.setStatus(status);
                return cluster;
              });

      var list = server.kubectl("get", "ic", "-n", NAMESPACE).lines().toList();
      var wide = server.kubectl("get", "ic", "-n", NAMESPACE, "-o", "wide").lines().toList();
      var all = server.kubectl("get", "all", "-n", NAMESPACE);

      assertThat(list.getFirst().split("\\s+"))
          .containsExactly(
              "NAME", "PHASE", "REASON", "MODEL", "WORKERS", "TOKENS/S", "ENDPOINT", "AGE");
      assertThat(list.get(1)).containsPattern("listed +Ready +AsPlanned +m +1/1");
      assertThat(wide.getFirst())
          .containsPattern("AGE +MESSAGE +BYTES/TOKEN +PROMPT TOKENS/S +OBSERVED");
      assertThat(all).contains("inferencecluster.knarr.dev/listed");
      assertThat(server.kubectl("get", "ic/listed", "-n", NAMESPACE, "-o", "json"))
          .as("absent fields of the status are not written as null")
          .doesNotContain("null");
    }

    @Test
    void whenItIsScaled_thenReplicasChangeWithinTheirRange() {
      create(cluster("scaled", "workers: [{ name: cpu, backend: cpu }]"));

      server.kubectl("scale", "ic/scaled", "-n", NAMESPACE, "--replicas=0");

      var scaled =
          client.resources(InferenceCluster.class).inNamespace(NAMESPACE).withName("scaled").get();
      assertThat(scaled.getSpec().getReplicas()).isZero();
      assertThat(
              catchThrowableOfType(
                  IllegalStateException.class,
                  () -> server.kubectl("scale", "ic/scaled", "-n", NAMESPACE, "--replicas=2")))
          .hasMessageContaining(Sentences.REPLICAS);
    }

    @Test
    void whenAFieldIsExplained_thenItsTextIsThatOfTheType() {
      assertThat(oneLine(server.kubectl("explain", "ic.spec.workers.tensorCache.size")))
          .contains("The most it holds; the oldest go first. Default 20Gi.");
      assertThat(oneLine(server.kubectl("explain", "ic.spec.head.affinity.podAntiAffinity")))
          .contains("anti-affinity");
    }

    private static String oneLine(String text) {
      return text.replaceAll("\\s+", " ");
    }
  }

  private static boolean covers(Violation remote, Violation local) {
    // A rule about several fields is the parent's; the reader of files names the field.
    return remote.message().equals(local.message())
        && (local.field().equals(remote.field())
            || local.field().startsWith(remote.field() + ".")
            || local.field().startsWith(remote.field() + "["));
  }

  private static GenericKubernetesResource cluster(String name, String spec) {
    return Serialization.unmarshal(
        """
        apiVersion: knarr.dev/v1alpha1
        kind: InferenceCluster
        metadata: { name: %s }
        spec:
          model: { name: m, source: { http: { url: "https://example.org/m.gguf" } } }
          %s
        """
            .formatted(name, spec),
        GenericKubernetesResource.class);
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static GenericKubernetesResource create(String yaml) {
    return create(Serialization.unmarshal(yaml, GenericKubernetesResource.class));
  }

  private static GenericKubernetesResource create(GenericKubernetesResource cluster) {
    return client
        .resource(cluster)
        .inNamespace(NAMESPACE)
        .fieldValidation(Validation.STRICT)
        .create();
  }

  private static GenericKubernetesResource dryRun(String yaml) {
    return dryRun(Serialization.unmarshal(yaml, GenericKubernetesResource.class));
  }

  private static GenericKubernetesResource dryRun(GenericKubernetesResource cluster) {
    return client
        .resource(cluster)
        .inNamespace(NAMESPACE)
        .dryRun()
        .fieldValidation(Validation.STRICT)
        .create();
  }

  private static GenericKubernetesResource update(GenericKubernetesResource cluster) {
    return client.resource(cluster).inNamespace(NAMESPACE).update();
  }

  private static KubernetesClientException refused(Callable<?> call) {
    var refused = catchThrowableOfType(KubernetesClientException.class, call::call);
    assertThat(refused).isNotNull();
    return refused;
  }

  /** What the API server says in our sentences; anything else it says is a failure. */
  private static List<Violation> violations(Callable<?> call) {
    var refused = catchThrowableOfType(KubernetesClientException.class, call::call);
    if (refused == null) {
      return List.of();
    }
    assertThat(refused.getCode()).as(refused.getMessage()).isEqualTo(422);
    var found = new ArrayList<Violation>();
    for (var cause : refused.getStatus().getDetails().getCauses()) {
      sentence(cause)
          .ifPresentOrElse(
              sentence -> {
                SPOKEN.add(CrdRules.Rule.of(cause.getField(), sentence));
                found.add(new Violation(field(cause), sentence));
              },
              () -> assertThat(cause.getMessage()).matches(DUPLICATE));
    }
    return found;
  }

  /** The API server writes keys of maps in brackets. */
  private static String field(StatusCause cause) {
    return cause.getField().replaceAll("\\[([^0-9\\]][^\\]]*)]", ".$1");
  }

  private static Optional<String> sentence(StatusCause cause) {
    return InvalidFilesTest.sentences().stream()
        .filter(sentence -> cause.getMessage().endsWith(": " + sentence))
        .findFirst();
  }
}
