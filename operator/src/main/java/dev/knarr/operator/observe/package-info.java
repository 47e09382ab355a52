/**
 * What is known about a cluster at one moment: its objects, what head and fetcher say of
 * themselves, and what keeps its pods from running. Entry: {@link
 * dev.knarr.operator.observe.Observer}.
 */
@NullMarked
package dev.knarr.operator.observe;

import org.jspecify.annotations.NullMarked;
