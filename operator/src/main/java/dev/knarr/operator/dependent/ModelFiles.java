// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ClaimTemplate;
import dev.knarr.api.v1alpha1.EmptyDirStorage;
import dev.knarr.api.v1alpha1.HostPathSource;
import dev.knarr.api.v1alpha1.ModelStorage;
import dev.knarr.api.v1alpha1.ResolvedSpec.Source;
import dev.knarr.operator.PodPaths;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where the files of a cluster's models lie, in the pods that fetch them, serve them and find
 * weights in them. Immutable.
 *
 * @param files model, draft and projector, as far as there are any
 * @param storage where fetched ones are kept; empty when none is fetched
 */
record ModelFiles(List<ModelFile> files, Optional<Storage> storage) {
  static final String STORE_VOLUME = "knarr-store";

  /**
   * One model.
   *
   * @param name model, draft or projector
   * @param source where it comes from
   * @param path where it lies in the pods
   */
  record ModelFile(String name, Source source, String path) {
    static ModelFile of(String name, Source source) {
      var path =
          switch (source) {
            case Source.LocalPath local -> throw notHere(local);
            case Source.Claim claim -> PodPaths.model(name) + "/" + claim.path();
            case Source.Image image -> PodPaths.model(name) + "/" + image.path();
            case Source.HostPath host -> PodPaths.model(name) + "/" + lastName(host.path());
            case Source.Http http -> stored(name, source, lastName(urlPath(http.url())));
            case Source.HuggingFace face -> stored(name, source, lastName(face.file()));
          };
      return new ModelFile(name, source, path);
    }

    private static String stored(String name, Source source, String file) {
      return "%s/%s/%s/%s".formatted(PodPaths.STORE, name, content(source), file);
    }

    /** Names what is fetched, not the Secrets with which it is. */
    private static String content(Source source) {
      return switch (source) {
        case Source.Http http -> Fingerprint.brief(List.of(http.url(), http.sha256()));
        case Source.HuggingFace face ->
            Fingerprint.brief(
                List.of(
                    face.endpoint().orElse(""),
                    face.repo(),
                    face.file(),
                    face.revision(),
                    face.sha256().orElse("")));
        case Source.Claim _, Source.HostPath _, Source.Image _, Source.LocalPath _ ->
            throw new IllegalArgumentException("Not fetched: " + source);
      };
    }

    boolean fetched() {
      return source instanceof Source.Http || source instanceof Source.HuggingFace;
    }

    String volumeName() {
      return fetched() ? STORE_VOLUME : "knarr-" + name;
    }

    /** The volume that holds it; none for what is fetched. */
    Optional<Volume> volume() {
      var volume = new VolumeBuilder().withName(volumeName());
      return switch (source) {
        case Source.Claim claim ->
            Optional.of(
                volume
                    .withNewPersistentVolumeClaim()
                    .withClaimName(claim.claimName())
                    .withReadOnly(true)
                    .endPersistentVolumeClaim()
                    .build());
        case Source.HostPath host ->
            Optional.of(
                volume
                    .withNewHostPath()
                    .withPath(folder(host.path()))
                    .withType("Directory")
                    .endHostPath()
                    .build());
        case Source.Image image ->
            Optional.of(
                volume
                    .withNewImage()
                    .withReference(image.reference())
                    .withPullPolicy(image.pullPolicy().value())
                    .endImage()
                    .build());
        case Source.Http _, Source.HuggingFace _ -> Optional.empty();
        case Source.LocalPath local -> throw notHere(local);
      };
    }

    private static IllegalArgumentException notHere(Source.LocalPath local) {
      return new IllegalArgumentException("No pod can see the path " + local.path());
    }

    private static String urlPath(String url) {
      return url.replaceFirst("[?#].*", "");
    }

    private static String lastName(String path) {
      return path.substring(path.lastIndexOf('/') + 1);
    }

    private static String folder(String path) {
      int slash = path.lastIndexOf('/');
      return slash == 0 ? "/" : path.substring(0, slash);
    }
  }

  /** Where fetched models are kept. */
  sealed interface Storage {
    /** A claim that the operator makes and keeps. */
    record NewClaim(ClaimTemplate template) implements Storage {}

    /** A claim of the user's. */
    record Claim(String name) implements Storage {}

    /** A folder of the node that the head runs on. */
    record HostPath(HostPathSource folder) implements Storage {}

    /** What ends with the head's pod, which therefore fetches by itself. */
    record Pod(EmptyDirStorage folder) implements Storage {}

    private static Storage of(Optional<ModelStorage> storage) {
      var given = storage.orElseGet(ModelStorage::new);
      if (given.getClaim() != null) {
        return new NewClaim(given.getClaim());
      }
      if (given.getClaimName() != null) {
        return new Claim(given.getClaimName());
      }
      if (given.getHostPath() != null) {
        return new HostPath(given.getHostPath());
      }
      return new Pod(given.getEmptyDir() == null ? new EmptyDirStorage() : given.getEmptyDir());
    }
  }

  static ModelFiles of(Blueprint blueprint) {
    var model = blueprint.spec().model();
    var files = new ArrayList<ModelFile>();
    files.add(ModelFile.of("model", model.source()));
    model.draft().ifPresent(source -> files.add(ModelFile.of("draft", source)));
    model.projector().ifPresent(source -> files.add(ModelFile.of("projector", source)));
    return new ModelFiles(
        List.copyOf(files),
        files.stream().anyMatch(ModelFile::fetched)
            ? Optional.of(Storage.of(model.storage()))
            : Optional.empty());
  }

  /** Whether the head's pod fetches, since nobody else could leave anything in it. */
  boolean fetchedByHead() {
    return storage.isPresent() && storage.get() instanceof Storage.Pod;
  }

  Optional<ModelFile> file(String name) {
    return files.stream().filter(file -> file.name().equals(name)).findFirst();
  }

  /** The volumes of all files. */
  List<Volume> volumes(Blueprint blueprint) {
    var volumes = new ArrayList<Volume>();
    files.forEach(file -> file.volume().ifPresent(volumes::add));
    storage.ifPresent(kept -> volumes.add(store(blueprint, kept)));
    return volumes;
  }

  /** Where they are mounted. */
  List<VolumeMount> mounts(boolean writable) {
    var mounts = new ArrayList<VolumeMount>();
    for (var file : files) {
      if (!file.fetched()) {
        mounts.add(mount(file.volumeName(), PodPaths.model(file.name()), true));
      }
    }
    if (storage.isPresent()) {
      mounts.add(mount(STORE_VOLUME, PodPaths.STORE, !writable));
    }
    return mounts;
  }

  /**
   * Files in which workers find weights: those that pods of any node can have. A folder of a node
   * is not among them: it may be missing on others, and restricted namespaces refuse it.
   */
  List<ModelFile> seeds(Blueprint blueprint) {
    return files.stream()
        .filter(file -> !file.name().equals("projector"))
        .filter(file -> shared(blueprint, file))
        .toList();
  }

  /** The volumes of these files. */
  List<Volume> seedVolumes(Blueprint blueprint) {
    var volumes = new ArrayList<Volume>();
    var seeds = seeds(blueprint);
    seeds.forEach(file -> file.volume().ifPresent(volumes::add));
    if (seeds.stream().anyMatch(ModelFile::fetched)) {
      volumes.add(readOnly(store(blueprint, storage.orElseThrow())));
    }
    return volumes;
  }

  /** Where they are mounted. */
  List<VolumeMount> seedMounts(Blueprint blueprint) {
    var mounts = new ArrayList<VolumeMount>();
    var seeds = seeds(blueprint);
    for (var file : seeds) {
      if (!file.fetched()) {
        mounts.add(mount(file.volumeName(), PodPaths.model(file.name()), true));
      }
    }
    if (seeds.stream().anyMatch(ModelFile::fetched)) {
      mounts.add(mount(STORE_VOLUME, PodPaths.STORE, true));
    }
    return mounts;
  }

  /** Whether all of them can be had on any node. */
  boolean areShared(Blueprint blueprint) {
    return files.stream().allMatch(file -> shared(blueprint, file));
  }

  private boolean shared(Blueprint blueprint, ModelFile file) {
    return switch (file.source()) {
      case Source.Claim claim -> shared(blueprint, claim.claimName());
      case Source.Image _ -> true;
      case Source.HostPath _, Source.LocalPath _ -> false;
      case Source.Http _, Source.HuggingFace _ ->
          switch (storage.orElseThrow()) {
            case Storage.NewClaim made -> ModelClaims.shared(accessModes(made.template()));
            case Storage.Claim claim -> shared(blueprint, claim.name());
            case Storage.HostPath _, Storage.Pod _ -> false;
          };
    };
  }

  private static boolean shared(Blueprint blueprint, String claim) {
    var known = blueprint.facts().claims().get(claim);
    return known != null && known.shared();
  }

  static List<String> accessModes(ClaimTemplate template) {
    var modes = template.getAccessModes();
    return modes == null || modes.isEmpty() ? List.of("ReadWriteOnce") : modes;
  }

  private static Volume store(Blueprint blueprint, Storage storage) {
    var volume = new VolumeBuilder().withName(STORE_VOLUME);
    return switch (storage) {
      case Storage.NewClaim _ ->
          volume
              .withNewPersistentVolumeClaim()
              .withClaimName(blueprint.names().model())
              .endPersistentVolumeClaim()
              .build();
      case Storage.Claim claim ->
          volume
              .withNewPersistentVolumeClaim()
              .withClaimName(claim.name())
              .endPersistentVolumeClaim()
              .build();
      case Storage.HostPath host ->
          volume
              .withNewHostPath()
              .withPath(host.folder().getPath())
              .withType("Directory")
              .endHostPath()
              .build();
      case Storage.Pod pod ->
          volume
              .withNewEmptyDir()
              .withSizeLimit(pod.folder().getSizeLimit())
              .withMedium(pod.folder().getMedium())
              .endEmptyDir()
              .build();
    };
  }

  private static Volume readOnly(Volume volume) {
    return volume
        .edit()
        .editPersistentVolumeClaim()
        .withReadOnly(true)
        .endPersistentVolumeClaim()
        .build();
  }

  private static VolumeMount mount(String volume, String path, boolean readOnly) {
    // Absent and false are the same, and the API server drops a false.
    return new VolumeMountBuilder()
        .withName(volume)
        .withMountPath(path)
        .withReadOnly(readOnly ? Boolean.TRUE : null)
        .build();
  }
}
